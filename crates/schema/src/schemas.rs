//! All schemas together: loading, and the choice of the one that judges.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use lgsp_core::{ErrorCode, Fault, rule};

use crate::bundled;
use crate::compile::{Compiled, Source};
use crate::error::SchemaError;
use crate::kind::EventKind;
use crate::validated::ValidatedEvent;

/// Every event type of the bus in every version, compiled.
pub struct Schemas {
    /// By event type; the versions of each in ascending order, never none.
    by_type: BTreeMap<String, Vec<Compiled>>,
}

impl Schemas {
    /// Compiles the schemas that the binary carries.
    ///
    /// # Errors
    /// Every fault of every schema.
    pub fn bundled() -> Result<Self, SchemaError> {
        Self::compile(&bundled::sources())
    }

    /// Compiles the schemas of a folder: files `<name>/v<major>.<minor>.json`, as the bundled
    /// ones. It reads files and blocks; it is for the start.
    ///
    /// # Errors
    /// An unreadable or empty folder, or every fault of every schema.
    pub fn load(folder: &Path) -> Result<Self, SchemaError> {
        let sources = read_folder(folder)?;
        if sources.is_empty() {
            return Err(SchemaError::Empty { folder: folder.to_owned() });
        }
        Self::compile(&sources)
    }

    fn compile(sources: &[Source]) -> Result<Self, SchemaError> {
        let mut by_type: BTreeMap<String, Vec<Compiled>> = BTreeMap::new();
        let mut faults = Vec::new();
        for source in sources {
            match Compiled::new(source) {
                Ok(compiled) => {
                    by_type.entry(compiled.kind.event_type.clone()).or_default().push(compiled)
                }
                Err(more) => faults.extend(more),
            }
        }
        if !faults.is_empty() {
            return Err(SchemaError::Faulty { faults });
        }
        for versions in by_type.values_mut() {
            versions.sort_by_key(|compiled| compiled.version);
        }
        let schemas = Self { by_type };
        let faults = schemas.incompatible_minors();
        if faults.is_empty() { Ok(schemas) } else { Err(SchemaError::Faulty { faults }) }
    }

    /// Returns each type in each version, sorted by type, then version.
    pub fn kinds(&self) -> impl Iterator<Item = &EventKind> {
        self.by_type.values().flatten().map(|compiled| &*compiled.kind)
    }

    /// Judges a record (a JSON text) by the schema of its event type. Without a `dataschema` the
    /// newest minor of the type judges; otherwise exactly the one that it names.
    ///
    /// ```
    /// let schemas = lgsp_schema::Schemas::bundled()?;
    /// let record = bytes::Bytes::from_static(br#"{"ENTERPRISE_GDT_CODE":"1500999906","NAME":"X"}"#);
    /// let event = schemas.judge("lgsp.enterprise.recorded.v1", None, record)?;
    /// assert_eq!(event.entity_key(), "1500999906");
    /// assert_eq!(event.kind().topic(), "lgsp.enterprise.v1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// - [`ErrorCode::UnknownEventType`]: no such type, or no such schema of it.
    /// - [`ErrorCode::InvalidJson`]: not JSON, or a member twice in one object.
    /// - [`ErrorCode::SchemaViolation`]: broken rules, all of them, sorted by pointer.
    pub fn judge(
        &self,
        event_type: &str,
        dataschema: Option<&str>,
        data: Bytes,
    ) -> Result<ValidatedEvent, Fault> {
        let unknown =
            |attribute| Fault::at(ErrorCode::UnknownEventType, attribute, &rule::EVENT_TYPE);
        let versions = self.by_type.get(event_type).ok_or_else(|| unknown("type"))?;
        let schema = match dataschema {
            None => versions.last(),
            Some(named) => versions.iter().find(|schema| schema.kind.dataschema == named),
        };
        schema.ok_or_else(|| unknown("dataschema"))?.judge(data)
    }
}

impl fmt::Debug for Schemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kinds().map(EventKind::dataschema)).finish()
    }
}

/// Reads each `.json` file one level below a folder; other files may lie beside them.
pub(crate) fn read_folder(folder: &Path) -> Result<Vec<Source>, SchemaError> {
    let mut sources = Vec::new();
    for inner in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        for path in entries(&inner)?
            .into_iter()
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
        {
            let text = fs::read_to_string(&path)
                .map_err(|source| SchemaError::Unreadable { path: path.clone(), source })?;
            let names = [inner.file_name(), path.file_name()].into_iter().flatten();
            let file = names.map(|name| name.to_string_lossy()).collect::<Vec<_>>().join("/");
            sources.push(Source { file, text });
        }
    }
    Ok(sources)
}

/// Lists a folder in the order of the names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, SchemaError> {
    let unreadable = |source| SchemaError::Unreadable { path: folder.to_owned(), source };
    let mut paths = fs::read_dir(folder)
        .and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()
        })
        .map_err(unreadable)?;
    paths.sort();
    Ok(paths)
}
