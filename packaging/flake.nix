# Made by scripts/nix in @REPOSITORY@: change it there.
{
  description = "@DESCRIPTION@";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs =
    { self, nixpkgs }:
    let
      version = "@VERSION@";
      # The programs of the release, as it published them: nothing is compiled.
      archives = {
        x86_64-linux = {
          target = "x86_64-unknown-linux-musl";
          sha256 = "@SHA256 x86_64-unknown-linux-musl@";
        };
        aarch64-linux = {
          target = "aarch64-unknown-linux-musl";
          sha256 = "@SHA256 aarch64-unknown-linux-musl@";
        };
        x86_64-darwin = {
          target = "x86_64-apple-darwin";
          sha256 = "@SHA256 x86_64-apple-darwin@";
        };
        aarch64-darwin = {
          target = "aarch64-apple-darwin";
          sha256 = "@SHA256 aarch64-apple-darwin@";
        };
      };
      package =
        system:
        { target, sha256 }:
        let
          pkgs = nixpkgs.legacyPackages.${system};
        in
        pkgs.stdenvNoCC.mkDerivation {
          pname = "k8s-token-cache";
          inherit version;
          src = pkgs.fetchurl {
            url = "@DOWNLOADS@/k8s-token-cache-${version}-${target}.tar.gz";
            inherit sha256;
          };
          # The program is static on Linux and signed on macOS: nothing may change it.
          dontFixup = true;
          installPhase = ''
            runHook preInstall
            install -D -m 755 k8s-token-cache "$out/bin/k8s-token-cache"
            install -D -m 644 man/k8s-token-cache.1 "$out/share/man/man1/k8s-token-cache.1"
            install -D -m 644 completions/k8s-token-cache.bash \
              "$out/share/bash-completion/completions/k8s-token-cache"
            install -D -m 644 completions/_k8s-token-cache "$out/share/zsh/site-functions/_k8s-token-cache"
            install -D -m 644 completions/k8s-token-cache.fish \
              "$out/share/fish/vendor_completions.d/k8s-token-cache.fish"
            install -D -m 644 LICENSE THIRD-PARTY -t "$out/share/doc/k8s-token-cache"
            runHook postInstall
          '';
          meta = {
            description = "Cache for the credentials of Kubernetes exec plugins";
            homepage = "@REPOSITORY@";
            changelog = "@REPOSITORY@/releases/tag/v${version}";
            license = nixpkgs.lib.licenses.mit;
            sourceProvenance = [ nixpkgs.lib.sourceTypes.binaryNativeCode ];
            mainProgram = "k8s-token-cache";
            platforms = builtins.attrNames archives;
          };
        };
    in
    {
      packages = builtins.mapAttrs (system: archive: {
        default = package system archive;
      }) archives;
    };
}
