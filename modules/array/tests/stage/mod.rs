//! A real node with all groups of arrays, and a client that calls commands by name and bytes by schema.

use windlass_client::Client;
use windlass_client::dynamic::commands::Commands;
use windlass_client::dynamic::{DynamicPool, Supply};
use windlass_contract::Fault;
use windlass_contract::abi::ModuleTable;
use windlass_contract::commands::{Answered, CommandMap};
use windlass_runtime::{Node, NodeConfig, PoolSpec};

/// A node and its commands.
pub struct Stage {
    pub commands: Commands,
    pub client: Client,
    create: DynamicPool,
    node: Node,
    _directory: tempfile::TempDir,
}

impl Stage {
    /// A node whose sessions may have so many bytes of symbols.
    pub fn with(symbol_bytes_max: u64) -> Self {
        Self::beside(symbol_bytes_max, &[])
    }

    /// The same, with more modules, each with a pool of its name.
    pub fn beside(symbol_bytes_max: u64, more: &[(&'static ModuleTable, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = NodeConfig::new("arrays", windlass_admin::Admin::TABLE);
        config.directory = directory.path().join("arrays");
        config.symbol_bytes_max = symbol_bytes_max;
        config.helpers = 2;
        let groups = windlass_array::TABLES.iter().copied().zip(GROUPS.iter().copied());
        for (table, name) in groups.chain(more.iter().copied()) {
            config.modules.push(table);
            config.pools.push(PoolSpec::new(name, name));
        }
        let node = Node::start(config).unwrap();
        let client = Client::connect(&node.directory().display().to_string()).unwrap();
        let commands = Commands::open(&client, CommandMap::new(3)).unwrap();
        assert!(commands.map().twice.is_empty(), "{:?}", commands.map().twice);
        let create = DynamicPool::open(&client, "array_create").unwrap();
        Self { commands, client, create, node, _directory: directory }
    }

    /// Another session of the same node.
    pub fn another(&self) -> (Client, Commands) {
        let client = Client::connect(&self.node.directory().display().to_string()).unwrap();
        let commands = Commands::open(&client, CommandMap::new(3)).unwrap();
        (client, commands)
    }

    pub fn call(&self, name: &str, given: &[(&str, &str)]) -> Answered {
        match self.commands.call(name, given) {
            Ok(answered) => answered,
            Err(fault) => panic!("{name} {given:?}: {fault}"),
        }
    }
    pub fn fault(&self, name: &str, given: &[(&str, &str)]) -> Fault {
        self.commands.call(name, given).unwrap_err()
    }
    /// The name of the array that a command makes.
    pub fn make(&self, name: &str, given: &[(&str, &str)]) -> String {
        match self.call(name, given) {
            Answered::Array(facts) => facts.name,
            // A command that makes an array or a symbol of another type says which in words.
            Answered::Text(said) if Self::names(&said).len() == 1 => Self::names(&said).remove(0),
            other => panic!("{name}: {other:?} is no array"),
        }
    }

    /// The name of a new array with these bytes.
    pub fn upload(&self, dtype: &str, shape: &[usize], bytes: &[u8]) -> Result<String, Fault> {
        let given = [("dtype".to_owned(), dtype.to_owned()), ("shape".to_owned(), format!("{shape:?}"))];
        let reply = self.create.call("upload", &given, &[("data".to_owned(), Supply::Bytes(bytes))])?;
        Ok(reply.value["name"].as_str().unwrap().to_owned())
    }
    /// The bytes of an array.
    pub fn download(&self, name: &str) -> Vec<u8> {
        let given = [("name".to_owned(), name.to_owned())];
        let room = Supply::Room(1 << 20);
        let reply = self.create.call("download", &given, &[("data".to_owned(), room)]).unwrap();
        let used = reply.value.as_u64().unwrap() as usize;
        reply.buffers[0].1[..used].to_vec()
    }

    pub fn array<T: Value>(&self, shape: &[usize], values: &[T]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.bytes()).collect();
        self.upload(T::DTYPE, shape, &bytes).unwrap()
    }
    pub fn values<T: Value>(&self, name: &str) -> Vec<T> {
        self.download(name).chunks_exact(T::BYTES).map(T::of).collect()
    }
}

/// The modules of `windlass_array::TABLES`, in that order.
pub const GROUPS: &[&str] = &[
    "symbols",
    "array_create",
    "array_operators",
    "array_elementwise",
    "array_index",
    "array_reduce",
    "array_sort",
    "array_shape",
    "array_random",
    "array_group",
    "array_strings",
    "array_binary",
    "array_sets",
    "array_stats",
    "array_linear",
    "array_order",
    "array_pick",
    "array_numeric",
    "array_tables",
    "array_text",
    "array_patterns",
    "array_hash",
    "array_times",
    "array_traffic",
    "array_registry",
    "array_bigint",
    "array_bigint_right",
    "array_bigint_picked",
    "array_shown",
    "array_by_key",
    "array_sparse",
];

/// A value that tests send and read.
pub trait Value: Copy + PartialEq + std::fmt::Debug {
    const DTYPE: &'static str;
    const BYTES: usize;
    fn bytes(self) -> Vec<u8>;
    fn of(bytes: &[u8]) -> Self;
}

macro_rules! values {
    ($($rust:ty => $dtype:literal),*) => {
        $(impl Value for $rust {
            const DTYPE: &'static str = $dtype;
            const BYTES: usize = size_of::<$rust>();
            fn bytes(self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }
            fn of(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().unwrap())
            }
        })*
    };
}
values! {
    i8 => "int8", i16 => "int16", i32 => "int32", i64 => "int64", u8 => "uint8", u16 => "uint16", u32 => "uint32", u64 => "uint64",
    f32 => "float32", f64 => "float64"
}

impl Value for bool {
    const DTYPE: &'static str = "bool";
    const BYTES: usize = 1;
    fn bytes(self) -> Vec<u8> {
        vec![u8::from(self)]
    }
    fn of(bytes: &[u8]) -> Self {
        bytes[0] != 0
    }
}

/// Strings, which tests send and read by commands alone.
#[allow(dead_code, reason = "each file uses a part")]
impl Stage {
    /// The name of new strings.
    pub fn strings(&self, texts: &[&str]) -> String {
        let (mut offsets, mut bytes) = (Vec::new(), Vec::new());
        for text in texts {
            offsets.push(bytes.len() as i64);
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        }
        let (offsets, values) = (self.array(&[offsets.len()], &offsets), self.array(&[bytes.len()], &bytes));
        let made = self.call("segStr-assemble", &[("offsets", &offsets), ("values", &values)]);
        Self::names(&made.to_string()).remove(0)
    }
    /// The strings of this name.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let part = |part: &str| self.make("getSegStringProperty", &[("property", part), ("obj", name)]);
        let (offsets, bytes) = (self.values::<i64>(&part("get_offsets")), self.values::<u8>(&part("get_bytes")));
        let one = |(at, &from): (usize, &i64)| {
            let end = offsets.get(at + 1).map_or(bytes.len(), |&end| end as usize) - 1;
            assert_eq!(bytes[end], 0, "a zero ends each");
            String::from_utf8(bytes[from as usize..end].to_vec()).unwrap()
        };
        offsets.iter().enumerate().map(one).collect()
    }
    /// The strings that a command makes.
    pub fn make_texts(&self, name: &str, given: &[(&str, &str)]) -> Vec<String> {
        let said = self.call(name, given).to_string();
        self.texts(&Self::names(&said)[0])
    }
    /// The names of the symbols that a reply tells of, in order.
    pub fn names(said: &str) -> Vec<String> {
        said.split('+')
            .filter_map(|one| one.strip_prefix("created ")?.split(' ').next().map(str::to_owned))
            .filter(|name| name != "bytes.size")
            .collect()
    }
}
