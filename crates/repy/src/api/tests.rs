//! Every call but those of the network: its result, its errors, its charge.

mod arguments;
mod callbacks;
mod deliberate;
mod escapes;
mod files;
mod locks;
mod namespaces;
mod process;
mod rates;
mod threads;
