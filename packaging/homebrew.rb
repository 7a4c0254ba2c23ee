# Made by scripts/homebrew in @REPOSITORY@: change it there.
class K8sTokenCache < Formula
  desc "Cache for the credentials of Kubernetes exec plugins"
  homepage "@REPOSITORY@"
  version "@VERSION@"
  license "@LICENSE@"

  on_macos do
    on_arm do
      url "@DOWNLOADS@/k8s-token-cache-@VERSION@-aarch64-apple-darwin.tar.gz"
      sha256 "@SHA256 aarch64-apple-darwin@"
    end
    on_intel do
      url "@DOWNLOADS@/k8s-token-cache-@VERSION@-x86_64-apple-darwin.tar.gz"
      sha256 "@SHA256 x86_64-apple-darwin@"
    end
  end

  on_linux do
    on_arm do
      url "@DOWNLOADS@/k8s-token-cache-@VERSION@-aarch64-unknown-linux-musl.tar.gz"
      sha256 "@SHA256 aarch64-unknown-linux-musl@"
    end
    on_intel do
      url "@DOWNLOADS@/k8s-token-cache-@VERSION@-x86_64-unknown-linux-musl.tar.gz"
      sha256 "@SHA256 x86_64-unknown-linux-musl@"
    end
  end

  def install
    bin.install "k8s-token-cache"
    man1.install "man/k8s-token-cache.1"
    bash_completion.install "completions/k8s-token-cache.bash" => "k8s-token-cache"
    zsh_completion.install "completions/_k8s-token-cache"
    fish_completion.install "completions/k8s-token-cache.fish"
    pwsh_completion.install "completions/k8s-token-cache.ps1" => "_k8s-token-cache.ps1"
  end

  def caveats
    <<~EOS
      To put the cache in front of the exec plugins in your kubeconfig:
        k8s-token-cache --inject

      Before you uninstall it, take it out again, or kubectl fails:
        k8s-token-cache --restore
    EOS
  end

  test do
    expiry = (Time.now + 3600).utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    credential = <<~JSON
      {"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",
       "status":{"expirationTimestamp":"#{expiry}","token":"test"}}
    JSON
    (testpath/"credential").write credential
    (testpath/"plugin").write <<~SH
      #!/bin/sh
      echo run >>#{testpath}/runs
      cat #{testpath}/credential
    SH
    chmod 0755, testpath/"plugin"

    # Not into the user's own cache, nor into the kernel's keyring.
    ENV["HOME"] = testpath.to_s
    ENV["K8S_TOKEN_CACHE_FILE"] = (testpath/"token.json").to_s
    ENV["K8S_TOKEN_CACHE_ENCRYPTION"] = "file"
    assert_equal credential, shell_output("#{bin}/k8s-token-cache #{testpath}/plugin"), "a miss"
    assert_equal credential, shell_output("#{bin}/k8s-token-cache #{testpath}/plugin"), "a hit"
    assert_equal "run\n", (testpath/"runs").read, "the plugin runs once"
    assert_equal "k8s-token-cache #{version}\n", shell_output("#{bin}/k8s-token-cache --version")
  end
end
