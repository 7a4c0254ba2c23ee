/* A substitute for bcryptprimitives.dll, which Windows has since version 7 and Wine since version 8.12:
 * Debian 12 has Wine 8.0. Rust's std calls this function for the random seeds of its hash maps. */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T size) {
  return RtlGenRandom(bytes, (ULONG)size);
}
