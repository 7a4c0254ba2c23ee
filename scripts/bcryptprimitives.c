/* Stands in for a library that Windows has since version 7 and Wine since version 8.12; Debian 12 has
 * Wine 8.0. Rust's std takes the random numbers for its hash maps from the one function in it. */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T size) {
  return RtlGenRandom(bytes, (ULONG)size);
}
