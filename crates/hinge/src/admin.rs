//! The admin port: `/livez`, `/readyz`, `/metrics`.

use std::time::Duration;

use anyhow::Result;
use axum::Router as Routes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;

use crate::crew::Crew;
use crate::exit::Coded;

/// A worker that has not gone round for this long hangs: longer than it may wait for brokers that are away,
/// which ends the process by itself after some 75 s.
const STUCK_AFTER: Duration = Duration::from_mins(2);

/// What the port tells of.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) registry: Registry,
    pub(crate) crew: Crew,
}

/// Opens the port and serves it until the process ends.
pub(crate) async fn serve(listen: &str, admin: Admin) -> Result<()> {
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        let message = format!(
            "`{listen}` cannot be opened for /livez, /readyz and /metrics: {error}; choose another with --admin \
             HOST:PORT, or none with --admin \"\""
        );
        Coded::new("admin-port-taken", 78, message)
    })?;
    tracing::info!(address = %listener.local_addr()?, "admin port open");
    let routes = Routes::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(admin);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "admin port closed");
        }
    });
    Ok(())
}

/// Live: the worker goes round. A broker that is away does not make it dead.
async fn livez(State(admin): State<Admin>) -> impl IntoResponse {
    let standing = admin.crew.since_last_beat();
    if standing < STUCK_AFTER {
        (StatusCode::OK, "live\n".to_owned())
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the worker has not gone round for {} s\n", standing.as_secs()),
        )
    }
}

/// Ready: partitions are given, what had to be read back has been, and none of them has stopped, so that a
/// release under which everything is rejected is not rolled out any further.
async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    let stopped = admin.crew.stopped();
    if !admin.crew.is_ready() {
        (StatusCode::SERVICE_UNAVAILABLE, "waiting for partitions\n".to_owned())
    } else if stopped.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("stopped: {}\n", stopped.join("\nstopped: ")))
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    match TextEncoder::new().encode_to_string(&admin.registry.gather()) {
        Ok(text) => (StatusCode::OK, [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], error.to_string())
        }
    }
}
