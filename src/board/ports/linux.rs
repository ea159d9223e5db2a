//! Serial ports as the kernel tells of them: `/sys/class/tty` says what there is, `/dev` who may
//! open it, `/proc` who has.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use super::{Access, Adapter, PortInfo, Usb};

/// How far up from a port its USB device may be.
const MOST_LEVELS: usize = 4;

pub(super) fn list() -> Vec<PortInfo> {
    list_in(Path::new("/"))
}

pub(super) fn access(path: &str) -> Option<Access> {
    access_in(Path::new("/"), Path::new(path))
}

/// The ports of the system whose `sys`, `dev` and `proc` lie in `root`.
fn list_in(root: &Path) -> Vec<PortInfo> {
    let Ok(ports) = fs::read_dir(root.join("sys/class/tty")) else { return Vec::new() };
    ports.flatten().filter_map(|port| read(root, &port.path())).collect()
}

fn read(root: &Path, class: &Path) -> Option<PortInfo> {
    let device = fs::canonicalize(class.join("device")).ok()?;
    let usb = usb_of(&device);
    if usb.is_none() && !has_uart(class) {
        return None;
    }
    let node = root.join("dev").join(class.file_name()?);
    let path = Path::new("/dev").join(class.file_name()?);
    Some(PortInfo {
        path: path.to_string_lossy().into_owned(),
        adapter: Adapter::of(usb.as_ref()),
        usb,
        access: access_in(root, &node)?,
    })
}

/// The kernel makes nodes for serial ports that were never built in; those have no type.
fn has_uart(class: &Path) -> bool {
    read_text(&class.join("type")).is_some_and(|kind| kind != "0")
}

/// The USB device that a tty's device belongs to: some levels up, past the interface.
fn usb_of(device: &Path) -> Option<Usb> {
    let device = device.ancestors().take(MOST_LEVELS).find(|level| level.join("idVendor").is_file())?;
    let id = |name: &str| u16::from_str_radix(&read_text(&device.join(name))?, 16).ok();
    Some(Usb {
        vendor: id("idVendor")?,
        product: id("idProduct")?,
        name: read_text(&device.join("product")),
        serial: read_text(&device.join("serial")),
    })
}

fn read_text(file: &Path) -> Option<String> {
    fs::read_to_string(file).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn access_in(root: &Path, node: &Path) -> Option<Access> {
    let metadata = fs::metadata(node).ok()?;
    let needed = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK;
    if rustix::fs::access(node, needed).is_err() {
        return Some(Access::Denied { group: group_name(root, metadata.gid()) });
    }
    Some(match holder(root, node) {
        Some(program) => Access::Busy { program: Some(program) },
        None => Access::Free,
    })
}

fn group_name(root: &Path, id: u32) -> Option<String> {
    let groups = fs::read_to_string(root.join("etc/group")).ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

/// Another program that has `node` open, with its process id. Programs of other users cannot be
/// looked at.
fn holder(root: &Path, node: &Path) -> Option<String> {
    let node = fs::canonicalize(node).ok()?;
    let own = std::process::id();
    let processes = fs::read_dir(root.join("proc")).ok()?;
    processes.flatten().find_map(|process| {
        let id: u32 = process.file_name().to_str()?.parse().ok()?;
        let has_it = |open: fs::DirEntry| fs::read_link(open.path()).is_ok_and(|link| link == node);
        let holds = id != own && fs::read_dir(process.path().join("fd")).ok()?.flatten().any(has_it);
        holds.then(|| program_name(&process.path(), id))
    })
}

fn program_name(process: &Path, id: u32) -> String {
    let name = read_text(&process.join("comm")).unwrap_or_else(|| "a program".to_owned());
    format!("{name} (process {id})")
}

/// A made-up system in a temporary folder.
#[cfg(test)]
pub(super) mod made_up {
    use std::path::PathBuf;

    use super::*;

    pub(super) struct System {
        folder: tempfile::TempDir,
    }

    impl System {
        pub(super) fn new() -> System {
            let folder = tempfile::tempdir().unwrap();
            for name in ["sys/class/tty", "sys/devices", "dev", "proc", "etc"] {
                fs::create_dir_all(folder.path().join(name)).unwrap();
            }
            System { folder }
        }

        pub(super) fn root(&self) -> &Path {
            self.folder.path()
        }

        pub(super) fn write(&self, file: &str, text: &str) -> PathBuf {
            let path = self.root().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        }

        /// Plugs a USB device in, as the kernel shows it; `deep`: with the level that adapters have
        /// and boards that speak CDC ACM have not.
        pub(super) fn plug_in(&self, name: &str, ids: (&str, &str), deep: bool) {
            let usb = format!("sys/devices/usb1/1-1-{name}");
            self.write(&format!("{usb}/idVendor"), &format!("{}\n", ids.0));
            self.write(&format!("{usb}/idProduct"), &format!("{}\n", ids.1));
            self.write(&format!("{usb}/product"), "A board\n");
            let device = format!("{usb}/1-1:1.0{}", if deep { format!("/{name}") } else { String::new() });
            fs::create_dir_all(self.root().join(&device)).unwrap();
            let class = self.root().join("sys/class/tty").join(name);
            fs::create_dir_all(&class).unwrap();
            std::os::unix::fs::symlink(self.root().join(&device), class.join("device")).unwrap();
            self.write(&format!("dev/{name}"), "");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{made_up::System, *};

    #[test]
    fn usb_ports_are_found_with_their_ids_and_ports_that_are_not_built_in_are_left_out() {
        let system = System::new();
        system.plug_in("ttyACM0", ("04d8", "ef98"), false);
        system.plug_in("ttyUSB0", ("0403", "6015"), true);
        for (name, kind) in [("ttyS0", "4"), ("ttyS1", "0")] {
            system.write(&format!("sys/class/tty/{name}/type"), kind);
            system.write(&format!("dev/{name}"), "");
            let device = system.write(&format!("sys/devices/pnp/{name}/x"), "");
            let class = system.root().join("sys/class/tty").join(name);
            std::os::unix::fs::symlink(device.parent().unwrap(), class.join("device")).unwrap();
        }
        system.write("sys/class/tty/tty1/dev", "4:1");
        let mut ports = list_in(system.root());
        ports.sort_by(|a, b| a.path.cmp(&b.path));
        let found: Vec<_> = ports.iter().map(|port| (port.path.as_str(), port.adapter)).collect();
        assert_eq!(
            found,
            [
                ("/dev/ttyACM0", Adapter::Expansion3),
                ("/dev/ttyS0", Adapter::NotUsb),
                ("/dev/ttyUSB0", Adapter::Ft231x)
            ]
        );
        let usb = ports[0].usb.as_ref().unwrap();
        assert_eq!((usb.vendor, usb.product, usb.name.as_deref()), (0x04D8, 0xEF98, Some("A board")));
        assert_eq!(ports[0].access, Access::Free);
    }

    #[test]
    fn a_system_without_serial_ports_is_no_trouble() {
        assert_eq!(list_in(Path::new("/nonexistent")), []);
        assert_eq!(access_in(Path::new("/nonexistent"), Path::new("/nonexistent/tty")), None);
    }

    #[test]
    fn the_program_that_has_a_port_is_named() {
        let system = System::new();
        let node = system.write("dev/ttyUSB0", "");
        system.write("proc/4711/comm", "minicom\n");
        fs::create_dir_all(system.root().join("proc/4711/fd")).unwrap();
        fs::create_dir_all(system.root().join("proc/self")).unwrap();
        let open = system.root().join("proc/4711/fd/7");
        std::os::unix::fs::symlink(fs::canonicalize(&node).unwrap(), open).unwrap();
        let program = Some("minicom (process 4711)".to_owned());
        assert_eq!(access_in(system.root(), &node), Some(Access::Busy { program }));
    }

    #[test]
    fn a_group_is_named_by_its_number() {
        let system = System::new();
        system.write("etc/group", "root:x:0:\ndialout:x:20:ada,grace\n");
        assert_eq!(group_name(system.root(), 20).as_deref(), Some("dialout"));
        assert_eq!(group_name(system.root(), 21), None);
    }
}
