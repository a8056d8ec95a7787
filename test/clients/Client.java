import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

/** One call with Java's HttpClient: URL and body in, status and text out. */
public class Client {
  public static void main(String[] arguments) throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(arguments[0]));
    if (!arguments[1].isEmpty()) {
      request.header("content-type", "application/json").POST(BodyPublishers.ofString(arguments[1]));
    }
    var answer = HttpClient.newHttpClient().send(request.build(), BodyHandlers.ofString());
    System.out.println(answer.statusCode());
    System.out.print(answer.body());
  }
}
