//! Somebody who works here, as far as choosing whom to tell needs to know. Never a name or an address.

use std::fmt;
use std::sync::Arc;

use crate::{RecordType, Type, Value};

/// Where a person reads what is told inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Medium {
    /// Hinge's own pages.
    Inbox,
    /// E-mail.
    Email,
    /// A chat.
    Chat,
    /// A program of their own.
    Webhook,
}

impl Medium {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Inbox, Self::Email, Self::Chat, Self::Webhook];

    /// As written in policies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Email => "email",
            Self::Chat => "chat",
            Self::Webhook => "webhook",
        }
    }
}

/// A person. What is `None` was not given: it equals nothing, not even empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The organisation's id for the person, unique in the policy.
    pub id: Arc<str>,
    /// The name of the department to which the person belongs.
    pub department: Arc<str>,
    /// What the person does there.
    pub role: Option<Arc<str>>,
    /// How senior: the higher, the more.
    pub seniority: Option<i64>,
    /// Where the person works.
    pub location: Option<Arc<str>>,
    /// What the person asked to hear about.
    pub interests: Option<Vec<Arc<str>>>,
    /// The languages that the person reads, the best one first.
    pub languages: Option<Vec<Arc<str>>>,
    /// Where the person reads.
    pub medium: Option<Medium>,
}

impl Person {
    /// The names under which expressions read a person: `person.role` and so on. `language` is the first of
    /// `languages`.
    pub const ATTRIBUTES: [&'static str; 9] =
        ["id", "department", "role", "seniority", "location", "interests", "languages", "language", "medium"];

    /// What a person is to an expression.
    pub fn expression_type() -> Type {
        let of = |attribute: Attribute| match attribute {
            Attribute::Id
            | Attribute::Department
            | Attribute::Role
            | Attribute::Location
            | Attribute::Language => Type::Text,
            Attribute::Seniority => Type::Int,
            Attribute::Interests | Attribute::Languages => Type::List(Box::new(Type::Text)),
            Attribute::Medium => {
                Type::Symbol(Medium::ALL.into_iter().map(|medium| medium.name().into()).collect())
            }
        };
        let fields = Attribute::ALL.into_iter().map(|attribute| (attribute.name().into(), of(attribute)));
        Type::Record(Arc::new(RecordType { title: "a person".to_owned(), fields: fields.collect() }))
    }

    /// What is known under one of the [`Person::ATTRIBUTES`].
    pub fn attribute(&self, name: &str) -> Option<Value> {
        Attribute::of(name).and_then(|attribute| self.given(attribute).value())
    }

    pub(super) fn given(&self, attribute: Attribute) -> Given {
        let text = |text: Option<&Arc<str>>| text.map_or(Given::Nothing, |it| Given::Text(Arc::clone(it)));
        let texts = |texts: &Option<Vec<Arc<str>>>| texts.clone().map_or(Given::Nothing, Given::Texts);
        match attribute {
            Attribute::Id => text(Some(&self.id)),
            Attribute::Department => text(Some(&self.department)),
            Attribute::Role => text(self.role.as_ref()),
            Attribute::Seniority => self.seniority.map_or(Given::Nothing, Given::Number),
            Attribute::Location => text(self.location.as_ref()),
            Attribute::Interests => texts(&self.interests),
            Attribute::Languages => texts(&self.languages),
            Attribute::Language => text(self.languages.as_ref().and_then(|languages| languages.first())),
            Attribute::Medium => {
                self.medium.map_or(Given::Nothing, |medium| Given::Text(Arc::from(medium.name())))
            }
        }
    }
}

/// One of the [`Person::ATTRIBUTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Attribute {
    Id,
    Department,
    Role,
    Seniority,
    Location,
    Interests,
    Languages,
    Language,
    Medium,
}

impl Attribute {
    /// In the order of [`Person::ATTRIBUTES`].
    pub(super) const ALL: [Self; 9] = [
        Self::Id,
        Self::Department,
        Self::Role,
        Self::Seniority,
        Self::Location,
        Self::Interests,
        Self::Languages,
        Self::Language,
        Self::Medium,
    ];

    pub(super) fn of(name: &str) -> Option<Self> {
        let position = Person::ATTRIBUTES.iter().position(|known| *known == name)?;
        Some(Self::ALL[position])
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Department => "department",
            Self::Role => "role",
            Self::Seniority => "seniority",
            Self::Location => "location",
            Self::Interests => "interests",
            Self::Languages => "languages",
            Self::Language => "language",
            Self::Medium => "medium",
        }
    }

    /// Whether its value is one text, and so can be looked up by an event's.
    pub(super) fn is_text(self) -> bool {
        match self {
            Self::Seniority | Self::Interests | Self::Languages => false,
            Self::Id | Self::Department | Self::Role | Self::Location | Self::Language | Self::Medium => true,
        }
    }

    /// Whether its value is several texts.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Interests | Self::Languages)
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The value of an attribute, as a key: people with the same are told the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Given {
    Nothing,
    Text(Arc<str>),
    Number(i64),
    Texts(Vec<Arc<str>>),
}

impl Given {
    pub(super) fn value(&self) -> Option<Value> {
        Some(match self {
            Self::Nothing => return None,
            Self::Text(text) => Value::Text(Arc::clone(text)),
            Self::Number(number) => Value::Int(*number),
            Self::Texts(texts) => Value::List(texts.iter().map(|it| Value::Text(Arc::clone(it))).collect()),
        })
    }

    /// The texts that it is or holds.
    pub(super) fn texts(&self) -> &[Arc<str>] {
        match self {
            Self::Nothing | Self::Number(_) => &[],
            Self::Text(text) => std::slice::from_ref(text),
            Self::Texts(texts) => texts,
        }
    }
}
