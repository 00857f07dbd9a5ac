import java.net.HttpURLConnection;
import java.net.URI;

/** Visits an address as any Java program does: which certificates are used is the command line's decision. */
public class Visit {
    public static void main(String[] arguments) throws Exception {
        var connection = (HttpURLConnection) URI.create(arguments[0]).toURL().openConnection();
        connection.getInputStream().transferTo(System.out);
    }
}
