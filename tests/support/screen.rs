//! Everything that a user sees on a pseudo terminal.

use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::thread;

use super::Terminal;

/// The bytes written to a terminal, collected in the background.
#[derive(Clone, Default)]
pub struct Screen(Arc<Mutex<Vec<u8>>>);

impl Screen {
    pub fn of(terminal: &Terminal) -> Screen {
        let screen = Screen::default();
        let (mut person, shown) = (terminal.person.try_clone().unwrap(), screen.clone());
        thread::spawn(move || read_on(&mut person, &shown));
        screen
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

fn read_on(person: &mut File, screen: &Screen) {
    let mut bytes = [0; 1024];
    while let Ok(count @ 1..) = person.read(&mut bytes) {
        screen.0.lock().unwrap().extend_from_slice(&bytes[..count]);
    }
}
