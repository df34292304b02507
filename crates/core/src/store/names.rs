//! Features of one kind by name: made by the first call that gives options, found by all others.

use std::collections::BTreeMap;
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The option under which each handle keeps what is its own: not compared, and told to handles that give no options.
const HANDLE: &str = "handle";

/// Names of one kind.
pub(super) struct Names<F> {
    kind: &'static str,
    /// The options that the first call must give; none: they all have defaults.
    needs: Option<&'static str>,
    known: DashMap<String, Named<F>>,
}

struct Named<F> {
    feature: Arc<F>,
    options: Map<String, Value>,
    origin: String,
    /// Made without options because another feature names it: the first call that gives some decides.
    implied: bool,
}

/// One call for a name.
pub struct Asked<'a> {
    /// The name.
    pub name: &'a str,
    /// Options as JSON, where the call gives them.
    pub options: Option<&'a str>,
    /// Where the call stands in the app.
    pub origin: &'a str,
    /// Other options than the first are ignored instead of refused.
    pub keep_first: bool,
}

impl<F> Names<F> {
    pub(super) fn new(kind: &'static str, needs: Option<&'static str>) -> Self {
        Self { kind, needs, known: DashMap::new() }
    }

    /// The feature of that name and its options as JSON; `make` makes it, once.
    pub(super) fn get_or_make<O: Serialize + DeserializeOwned>(
        &self,
        asked: &Asked<'_>,
        make: impl FnOnce(O) -> Result<Arc<F>>,
    ) -> Result<(Arc<F>, String)> {
        let parse =
            |text: &str| serde_json::from_str::<O>(text).map_err(|error| self.unreadable(asked.name, &error));
        match self.known.entry(asked.name.to_owned()) {
            Entry::Occupied(known) => {
                let known = known.get();
                let mut options = known.options.clone();
                if let Some(text) = asked.options {
                    let mut now = normal(&parse(text)?)?;
                    let handle = now.remove(HANDLE);
                    if !asked.keep_first {
                        self.check_same(known, asked, &now)?;
                    }
                    options.extend(handle.map(|handle| (HANDLE.to_owned(), handle)));
                }
                Ok((known.feature.clone(), Value::Object(options).to_string()))
            }
            Entry::Vacant(vacant) => {
                let text = match (asked.options, self.needs) {
                    (Some(text), _) => text,
                    (None, None) => "{}",
                    (None, Some(remedy)) => {
                        let (feature, name) = (self.kind, asked.name.to_owned());
                        return Err(Error::NotDefined { feature, name, remedy });
                    }
                };
                let parsed = parse(text)?;
                let options = normal(&parsed)?;
                let feature = make(parsed)?;
                let text = Value::Object(options.clone()).to_string();
                let origin = asked.origin.to_owned();
                vacant.insert(Named { feature: feature.clone(), options, origin, implied: false });
                Ok((feature, text))
            }
        }
    }

    /// The feature of that name for another one that names it; `make` makes it with default options where there is none.
    pub(super) fn imply<O: Serialize + Default>(
        &self,
        name: &str,
        make: impl FnOnce(O) -> Result<Arc<F>>,
    ) -> Result<Arc<F>> {
        if let Some(known) = self.known.get(name) {
            return Ok(known.feature.clone());
        }
        match self.known.entry(name.to_owned()) {
            Entry::Occupied(known) => Ok(known.get().feature.clone()),
            Entry::Vacant(vacant) => {
                let (options, feature) = (normal(&O::default())?, make(O::default())?);
                vacant.insert(Named {
                    feature: feature.clone(),
                    options,
                    origin: String::new(),
                    implied: true,
                });
                Ok(feature)
            }
        }
    }

    /// Gives an implied feature the options of the first call that has some.
    pub(super) fn adopt<O: Serialize + DeserializeOwned>(
        &self,
        asked: &Asked<'_>,
        adopt: impl FnOnce(&F, O) -> Result<()>,
    ) -> Result<()> {
        let Some(text) = asked.options else { return Ok(()) };
        if let Some(mut known) = self.known.get_mut(asked.name).filter(|known| known.implied) {
            let options: O =
                serde_json::from_str(text).map_err(|error| self.unreadable(asked.name, &error))?;
            let now = normal(&options)?;
            adopt(&known.feature, options)?;
            *known = Named {
                feature: known.feature.clone(),
                options: now,
                origin: asked.origin.to_owned(),
                implied: false,
            };
        }
        Ok(())
    }

    fn unreadable(&self, name: &str, error: &serde_json::Error) -> Error {
        Error::InvalidArg(format!("options of {} '{name}': {error}", self.kind))
    }

    fn check_same(&self, known: &Named<F>, asked: &Asked<'_>, now: &Map<String, Value>) -> Result<()> {
        let show = |options: &Map<String, Value>, other: &Map<String, Value>| {
            let differing = options.iter().filter(|&(name, value)| other.get(name) != Some(value));
            let given = differing.map(|(name, value)| format!("{name} {value}"));
            let absent =
                other.keys().filter(|name| !options.contains_key(*name)).map(|name| format!("no {name}"));
            given.chain(absent).collect::<Vec<_>>().join(", ")
        };
        let mut first = known.options.clone();
        first.remove(HANDLE);
        if first == *now {
            return Ok(());
        }
        Err(Error::OptionsConflict {
            what: format!("{} '{}'", self.kind, asked.name),
            first: show(&first, now),
            second: show(now, &first),
            origin: known.origin.clone(),
        })
    }

    /// `look` at each feature, by name.
    pub(super) fn each<T>(&self, look: impl Fn(&F) -> T) -> BTreeMap<String, T> {
        self.known.iter().map(|named| (named.key().clone(), look(&named.feature))).collect()
    }

    /// The feature of that name, where it is there.
    pub(super) fn get(&self, name: &str) -> Option<Arc<F>> {
        self.known.get(name).map(|named| named.feature.clone())
    }

    /// Every feature.
    pub(super) fn all(&self) -> Vec<Arc<F>> {
        self.known.iter().map(|named| named.feature.clone()).collect()
    }
}

/// Options in the form in which they are compared: defaults filled in.
fn normal<O: Serialize>(options: &O) -> Result<Map<String, Value>> {
    match serde_json::to_value(options) {
        Ok(Value::Object(options)) => Ok(options),
        other => Err(Error::Internal(format!("options are no object: {other:?}"))),
    }
}
