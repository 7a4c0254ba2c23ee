import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.BufferedReader;
import java.io.InputStreamReader;

/**
 * A long-running client: for each line on standard input it lists the namespaces once and prints "ok", or
 * "error" and why. The first call creates the client object; if that failed, the next call does.
 */
public final class Fabric8Client {
  public static void main(String[] arguments) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    KubernetesClient client = null;
    while (input.readLine() != null) {
      try {
        client = client == null ? new KubernetesClientBuilder().build() : client;
        client.namespaces().list();
        System.out.println("ok");
      } catch (Exception error) {
        System.out.println("error " + String.valueOf(error.getMessage()).replaceAll("\\s+", " "));
      }
      System.out.flush();
    }
    System.exit(0);
  }
}
