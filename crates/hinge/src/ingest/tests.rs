//! Files become events in a log: whole runs, on invented data.
