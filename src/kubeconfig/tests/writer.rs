//! Writes random kubeconfigs in the styles of people and programs.

/// Choices that proptest makes and shrinks.
pub struct Dice<'d> {
    pub rolls: &'d [u8],
}

impl Dice<'_> {
    fn roll(&mut self, sides: usize) -> usize {
        match self.rolls.split_first() {
            Some((&roll, rest)) => {
                self.rolls = rest;
                usize::from(roll) % sides
            }
            None => 0,
        }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }

    fn chance(&mut self) -> bool {
        self.roll(4) == 1
    }
}

const COMMANDS: [&str; 15] = [
    "aws",
    "/opt/bin/get-token",
    "./get-token",
    "bin/get-token",
    "../x",
    "my tool",
    "k8s-token-cache",
    "/usr/bin/k8s-token-cache",
    "a,b",
    "/o/[x]/{y}",
    "größe",
    "it's",
    "say \"x\"",
    "C:\\x\\y.exe",
    ".\\x.exe",
];
const ARGS: [&str; 10] =
    ["eks", "get-token", "--region", "eu-west-1", "a b", "x, y", "true", "#no", "", "ключ: 1"];
const NAMES: [&str; 4] = ["AWS_PROFILE", "TENANT", "REALM", "Ä"];

/// Writes kubeconfigs in many styles.
struct Writer<'d> {
    dice: Dice<'d>,
    text: String,
    eol: &'static str,
    json: bool,
    /// Whether restoring gives every byte back.
    exact: bool,
}

/// A kubeconfig, and whether restoring it gives every byte back.
pub fn kubeconfig(rolls: &[u8]) -> (String, bool) {
    Writer::kubeconfig(rolls)
}

impl Writer<'_> {
    fn kubeconfig(rolls: &[u8]) -> (String, bool) {
        let mut dice = Dice { rolls };
        let eol = dice.pick(&["\n", "\n", "\r\n"]);
        let json = dice.chance();
        let mut writer = Writer { dice, text: String::new(), eol, json, exact: true };
        if writer.dice.chance() {
            writer.text.push('\u{feff}');
        }
        if json {
            writer.braces()
        } else {
            writer.block()
        }
        (writer.text, writer.exact)
    }

    fn block(&mut self) {
        if self.dice.chance() {
            self.line("---");
        }
        self.line("apiVersion: v1");
        self.comment("");
        self.line("kind: Config");
        self.line("users:");
        let indent = self.dice.pick(&["", "  "]);
        for name in 0..self.dice.roll(4) {
            self.comment(indent);
            self.line(&format!("{indent}- name: user-{name}"));
            self.line(&format!("{indent}  user:"));
            match self.dice.roll(6) {
                0 => self.line(&format!("{indent}    token: not-a-secret")),
                1 => {
                    let exec = self.flow_exec();
                    self.line(&format!("{indent}    exec: {exec}"));
                }
                _ => self.block_exec(&format!("{indent}    ")),
            }
        }
        if self.dice.chance() {
            self.line("preferences: {}");
        }
        if self.dice.chance() {
            self.line("---");
            self.line("users: [{name: x, user: {exec: {command: left-alone}}}]");
        }
        if self.dice.chance() {
            self.text.truncate(self.text.trim_end().len());
        }
    }

    fn block_exec(&mut self, indent: &str) {
        self.line(&format!("{indent}exec:"));
        let indent = format!("{indent}{}", self.dice.pick(&["  ", " ", "    "]));
        let order = self.dice.pick(&[[0, 1, 2, 3], [0, 2, 1, 3], [3, 2, 0, 1], [1, 0, 3, 2]]);
        for part in order {
            self.comment(&indent);
            match part {
                0 => self.line(&format!("{indent}apiVersion: client.authentication.k8s.io/v1")),
                1 => self.block_args(&indent),
                2 => {
                    let command = self.dice.pick(&COMMANDS);
                    let command = self.scalar(command, false);
                    let tail = self.dice.pick(&["", " ", "   # it", "\t# it"]);
                    self.line(&format!("{indent}command: {command}{tail}"));
                }
                _ => self.env(&indent),
            }
        }
    }

    fn block_args(&mut self, indent: &str) {
        match self.dice.roll(8) {
            0 => {}
            1 => {
                let nothing = self.dice.pick(&["", " null", " ~", " []", " [ ]"]);
                self.exact &= !matches!(nothing, "" | " ~");
                self.line(&format!("{indent}args:{nothing}"));
            }
            2 => {
                let list = self.flow_list(1 + self.dice.rolls.len() % 3);
                self.line(&format!("{indent}args: {list}"));
            }
            _ => {
                let tail = self.dice.pick(&["", " # arguments"]);
                self.line(&format!("{indent}args:{tail}"));
                let deeper = self.dice.pick(&["", "  ", "    "]);
                let gap = self.dice.pick(&[" ", " ", "   "]);
                for _ in 0..1 + self.dice.roll(4) {
                    self.comment(indent);
                    let arg = self.dice.pick(&ARGS);
                    let arg = self.scalar(arg, false);
                    let tail = self.dice.pick(&["", "", " # one"]);
                    self.line(&format!("{indent}{deeper}-{gap}{arg}{tail}"));
                }
            }
        }
    }

    fn env(&mut self, indent: &str) {
        match self.dice.roll(5) {
            0 => self.line(&format!("{indent}env: null")),
            1 => {
                let name = self.dice.pick(&NAMES);
                self.line(&format!("{indent}env: [{{name: {name}, value: \"1\"}}]"));
            }
            2 => {
                self.line(&format!("{indent}env:"));
                for _ in 0..1 + self.dice.roll(2) {
                    let name = self.dice.pick(&NAMES);
                    self.line(&format!("{indent}- name: {name}"));
                    self.line(&format!("{indent}  value: x"));
                }
            }
            _ => {}
        }
    }

    fn braces(&mut self) {
        let space = self.dice.pick(&["", " ", "\n  "]).replace('\n', self.eol);
        self.text.push_str(&format!("{{\"kind\":\"Config\",{space}\"users\":{space}["));
        for name in 0..self.dice.roll(4) {
            let exec = self.flow_exec();
            let comma = if name == 0 { "" } else { "," };
            let user = format!("{comma}{{\"name\":\"user-{name}\",{space}\"user\":{{\"exec\":{exec}}}}}");
            self.text.push_str(&user);
        }
        self.text.push_str("]}");
        self.text.push_str(self.dice.pick(&["", "\n"]));
    }

    fn flow_exec(&mut self) -> String {
        let quote = if self.json { "\"" } else { "" };
        let colon = if self.json { self.dice.pick(&[":", ": "]) } else { ": " };
        let command = self.dice.pick(&COMMANDS);
        let command = self.scalar(command, true);
        let args = match self.dice.roll(6) {
            0 => None,
            1 => Some("null".to_owned()),
            2 => Some("[]".to_owned()),
            _ => Some(self.flow_list(1 + self.dice.rolls.len() % 3)),
        };
        let command = format!("{quote}command{quote}{colon}{command}");
        let args = args.map(|args| format!("{quote}args{quote}{colon}{args}"));
        let parts = match (args, self.dice.chance()) {
            (None, _) => vec![command],
            (Some(args), true) => vec![args, command],
            (Some(args), false) => vec![command, args],
        };
        format!("{{{}}}", parts.join(self.dice.pick(&[", ", ", ", ","])))
    }

    fn flow_list(&mut self, count: usize) -> String {
        let items: Vec<String> = (0..count)
            .map(|_| {
                let arg = self.dice.pick(&ARGS);
                self.scalar(arg, true)
            })
            .collect();
        let gap = if self.json { self.dice.pick(&[",", ", "]) } else { self.dice.pick(&[", ", " , "]) };
        let inner = items.join(gap);
        match self.dice.pick(&["", " "]) {
            "" => format!("[{inner}]"),
            pad => format!("[{pad}{inner}{pad}]"),
        }
    }

    fn scalar(&mut self, value: &str, flow: bool) -> String {
        let is_odd = |c: char| !c.is_ascii_alphanumeric() && !"-./ß".contains(c);
        let in_block = |c: char| "ö, []{}\\:".contains(c);
        let can_be_plain = !value.is_empty()
            && value != "true"
            && !value.ends_with(": 1")
            && !value.chars().any(|c| is_odd(c) && (flow || !in_block(c)));
        match self.dice.roll(4) {
            _ if self.json => serde_json::to_string(value).unwrap(),
            0 => format!("'{}'", value.replace('\'', "''")),
            1 => serde_json::to_string(value).unwrap(),
            _ if can_be_plain => value.to_owned(),
            _ => serde_json::to_string(value).unwrap(),
        }
    }

    fn comment(&mut self, indent: &str) {
        if self.dice.chance() {
            let comment = self.dice.pick(&["# args: []", "", "#\ttab"]);
            self.line(&format!("{indent}{comment}"));
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push_str(self.eol);
    }
}

/// One change of the kind that an editor, a merge or a bad disk makes.
pub fn mutate(text: &mut String, dice: &mut Dice<'_>) {
    const BITS: [&str; 22] = [
        " ", "  ", "\t", "\n", "\r", "-", ":", ": ", "#", " #", "'", "\"", "[", "]", "{", "}", ",", "&a ",
        "*a", "!!str ", "<<: *a", "|",
    ];
    let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
    if places.is_empty() {
        return;
    }
    let place = places[(dice.roll(256) * 256 + dice.roll(256)) % places.len()];
    match dice.roll(4) {
        0 => text.insert_str(place, dice.pick(&BITS)),
        1 => {
            text.remove(place);
        }
        2 => text.truncate(place),
        _ => {
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            let (from, to) = (dice.roll(lines.len()), dice.roll(lines.len()));
            let mut lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
            let line = lines[from].clone();
            lines.insert(to, line);
            *text = lines.concat();
        }
    }
}
