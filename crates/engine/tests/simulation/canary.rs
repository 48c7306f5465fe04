//! Each rule must be able to fail: here are overlords that break them, one by one, and must be caught.
