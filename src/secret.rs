//! Secret bytes: the encryption key, and what it decrypts.
//!
//! Neither type can be printed, compared or copied by accident. Code that needs the bytes calls
//! `expose`, which is easy to search for. Both types are wiped when dropped, and live on the heap,
//! because moving a value on the stack leaves its bytes behind. The cipher wipes its own state (the
//! `zeroize` feature of `chacha20poly1305`). Registers, and pages that the kernel has swapped out, are
//! not wiped. A panic aborts, and `_exit` returns all memory at once.

use std::fmt;

use zeroize::Zeroize;

/// The 32-byte key of XChaCha20-Poly1305.
#[derive(Clone)]
pub struct SecretKey(Box<[u8; SecretKey::BYTES]>);

impl SecretKey {
    pub const BYTES: usize = 32;

    /// A key of zeros, to be filled in place.
    pub fn zeroed() -> SecretKey {
        SecretKey(Box::new([0; SecretKey::BYTES]))
    }

    /// Copies the key. `None` if the length is not [`SecretKey::BYTES`].
    pub fn from_slice(bytes: &[u8]) -> Option<SecretKey> {
        let mut key = SecretKey::zeroed();
        (bytes.len() == SecretKey::BYTES).then(|| key.0.copy_from_slice(bytes))?;
        Some(key)
    }

    pub fn expose(&self) -> &[u8; SecretKey::BYTES] {
        &self.0
    }

    pub fn expose_mut(&mut self) -> &mut [u8; SecretKey::BYTES] {
        &mut self.0
    }

    #[inline(never)]
    fn wipe(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(secret)")
    }
}

/// A credential, or another secret of any length.
#[derive(Default)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Allocates room for `bytes` bytes. Use [`SecretBytes::reserve`] before growing beyond it: a `Vec`
    /// that grows leaves a copy behind that is never wiped.
    pub fn with_capacity(bytes: usize) -> SecretBytes {
        SecretBytes(Vec::with_capacity(bytes))
    }

    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    pub fn expose_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }

    /// Makes room for `more` bytes. If the bytes move, the old ones are wiped.
    pub fn reserve(&mut self, more: usize) {
        let length = self.0.len();
        if self.0.capacity() - length < more {
            let mut larger = SecretBytes::with_capacity((length + more).max(length * 2));
            larger.0.extend_from_slice(&self.0);
            std::mem::swap(self, &mut larger);
        }
    }

    /// Wipes the spare capacity too, because a truncation leaves bytes there.
    #[inline(never)]
    fn wipe(&mut self) {
        self.0.as_mut_slice().zeroize();
        self.0.spare_capacity_mut().zeroize();
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> SecretBytes {
        SecretBytes(bytes)
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_cannot_be_printed() {
        let key = SecretKey::from_slice(b"0123456789abcdef0123456789abcdef").unwrap();
        let bytes = SecretBytes::from(b"0123456789abcdef".to_vec());
        let shown = format!("{key:?} {bytes:?} {key:#?} {bytes:#?}");
        assert_eq!(shown, "SecretKey(secret) SecretBytes(secret) SecretKey(secret) SecretBytes(secret)");
    }

    #[test]
    fn a_key_has_32_bytes() {
        assert!(SecretKey::from_slice(&[7; 31]).is_none());
        assert!(SecretKey::from_slice(&[7; 33]).is_none());
        assert_eq!(SecretKey::from_slice(&[7; 32]).unwrap().expose(), &[7; 32]);
    }

    #[test]
    fn growing_keeps_the_bytes() {
        let mut bytes = SecretBytes::from(vec![7; 48]);
        bytes.reserve(1);
        assert!(bytes.expose_mut().capacity() > 48);
        assert_eq!(bytes.expose(), &[7; 48]);
    }

    #[test]
    fn wiping_leaves_zeros() {
        let mut key = SecretKey::from_slice(&[7; 32]).unwrap();
        key.wipe();
        assert_eq!(key.expose(), &[0; 32]);

        let mut bytes = SecretBytes::from(vec![7; 48]);
        bytes.wipe();
        assert_eq!(bytes.expose(), &[0; 48]);
    }
}
