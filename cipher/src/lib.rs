//! The cipher of k8s-token-cache: XChaCha20-Poly1305 and HChaCha20 (draft-irtf-cfrg-xchacha-03) of the RustCrypto
//! crates, without generics, so that this crate's profile decides how they are compiled. Not a public API: it
//! changes with every version. The tests, with the draft's vectors, are in `src/cache/seal.rs`.

use chacha20::{R20, hchacha};
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};

pub const KEY_BYTES: usize = 32;
pub const NONCE_BYTES: usize = 24;
pub const TAG_BYTES: usize = 16;

/// HChaCha20, a pseudo-random function: its output reveals nothing about the key.
#[inline(never)] // Inlined, it would be compiled for size.
pub fn derive(key: &[u8; KEY_BYTES], input: &[u8; 16]) -> [u8; 32] {
    hchacha::<R20>(key.into(), input.into()).into()
}

/// Encrypts in place and returns the tag. `None` if the text exceeds the cipher's limit of 256 GiB.
#[inline(never)]
pub fn encrypt(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    additional: &[u8],
    text: &mut [u8],
) -> Option<[u8; TAG_BYTES]> {
    let cipher = XChaCha20Poly1305::new(key.into());
    let tag = cipher.encrypt_inout_detached(nonce.into(), additional, InOutBuf::from(text)).ok()?;
    Some(tag.into())
}

/// Decrypts in place. `None` if anything was changed; `text` is then still ciphertext.
#[inline(never)]
pub fn decrypt(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    additional: &[u8],
    text: &mut [u8],
    tag: &[u8; TAG_BYTES],
) -> Option<()> {
    let cipher = XChaCha20Poly1305::new(key.into());
    cipher.decrypt_inout_detached(nonce.into(), additional, InOutBuf::from(text), tag.into()).ok()
}
