//! Declared services: each a folder with `service.toml`, `request.schema.json` and
//! `answer.schema.json`. `deploy/services/README.md` teaches how to write one.

mod agree;
mod bundled;
mod open;
mod read;

use std::fs;
use std::io::Read;
use std::path::Path;

use lgsp_query::Service;
pub use lgsp_registry::RegistryFault as DeclarationFault;

use crate::carrier::is_service_name;
use crate::carriers::Carriers;

/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The files of a service.
const FILES: [&str; 3] = ["service.toml", "request.schema.json", "answer.schema.json"];

/// A service as it was read: the name of its folder and its texts, in the order of [`FILES`].
struct Folder {
    name: String,
    texts: [String; 3],
}

/// Reads every service of a folder: each sub-folder is one, and its name the service's. Files
/// beside them are not looked at. Blocks.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::path::Path;
/// use lgsp_upstream::{Carriers, declared};
///
/// let folder = Path::new("/etc/lgsp/services");
/// let carriers = Carriers::load(&folder.join(Carriers::FILE))?;
/// match declared::load(folder, &carriers) {
///     Ok(services) => println!("{} services", services.len()),
///     Err(faults) => faults.iter().for_each(|fault| println!("{fault}")),
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
/// Every fault of every service: file, line or JSON Pointer, and what was expected.
pub fn load(folder: &Path, carriers: &Carriers) -> Result<Vec<Service>, Vec<DeclarationFault>> {
    let mut faults = Vec::new();
    let mut folders = Vec::new();
    for name in names(folder)? {
        let read = |file: &str| {
            read_text(&folder.join(&name).join(file))
                .map_err(|expected| DeclarationFault::of_file(&format!("{name}/{file}"), expected))
        };
        match FILES.map(read) {
            [Ok(service), Ok(request), Ok(answer)] => {
                folders.push(Folder { name, texts: [service, request, answer] });
            }
            texts => faults.extend(texts.into_iter().filter_map(Result::err)),
        }
    }
    compile(folders, carriers, faults)
}

/// Returns the services that the binary carries: those of `deploy/services/`.
///
/// # Errors
/// Every fault of every service; with a carrier that can be chosen there is none.
pub fn bundled(carriers: &Carriers) -> Result<Vec<Service>, Vec<DeclarationFault>> {
    compile(bundled::folders(), carriers, Vec::new())
}

fn compile(
    folders: Vec<Folder>,
    carriers: &Carriers,
    mut faults: Vec<DeclarationFault>,
) -> Result<Vec<Service>, Vec<DeclarationFault>> {
    let mut services = Vec::new();
    for folder in folders {
        match read::service(&folder, carriers) {
            Ok(service) => services.push(service),
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() { Ok(services) } else { Err(faults) }
}

/// Lists the sub-folders, by name. One whose name begins with a dot is none of ours.
fn names(folder: &Path) -> Result<Vec<String>, Vec<DeclarationFault>> {
    let place = folder.display().to_string();
    let unreadable = |_| vec![DeclarationFault::of_file(&place, "a folder that can be read")];
    let mut names = Vec::new();
    let mut faults = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let Some(name) = name.filter(|name| path.is_dir() && !name.starts_with('.')) else {
            continue;
        };
        if is_service_name(&name) {
            names.push(name);
        } else {
            let expected = "a service's name as the folder's: 1 to 40 of a-z, 0-9 and -";
            faults.push(DeclarationFault::of_file(&name, expected));
        }
    }
    names.sort();
    if faults.is_empty() { Ok(names) } else { Err(faults) }
}

fn read_text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|_| "this file, which cannot be read".to_owned())?;
    let read = file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text);
    match read {
        Ok(length) if length as u64 > MAX_FILE_BYTES => {
            Err(format!("a file of at most {MAX_FILE_BYTES} bytes"))
        }
        Ok(_) => Ok(text),
        Err(_) => Err("UTF-8 text".to_owned()),
    }
}

#[cfg(test)]
mod tests;
