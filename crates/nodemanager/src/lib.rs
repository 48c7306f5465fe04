//! The Seattle node-manager protocol: codec, client and server half.
