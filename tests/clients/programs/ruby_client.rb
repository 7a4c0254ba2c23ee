# A long-running client: for each line on standard input it lists the namespaces once and prints "ok", or
# "error" and why. The first call creates the client object; if that failed, the next call does.

require "kubeclient"

def connect
  context = Kubeclient::Config.read(ENV.fetch("KUBECONFIG")).context
  Kubeclient::Client.new(
    context.api_endpoint, "v1", ssl_options: context.ssl_options, auth_options: context.auth_options
  )
end

$stdout.sync = true
client = nil
while $stdin.gets
  begin
    client ||= connect
    client.get_namespaces
    puts "ok"
  rescue StandardError => error
    puts "error #{error.message.split.join(' ')[0, 200]}"
  end
end
