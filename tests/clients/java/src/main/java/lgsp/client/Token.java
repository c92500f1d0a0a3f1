package lgsp.client;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;

import com.fasterxml.jackson.databind.JsonNode;

/** An access token by client credentials (RFC 6749, section 4.4), renewed shortly before it ends. */
final class Token {
    private static final long RENEW_BEFORE_SECONDS = 60;

    private final HttpClient http;
    private final HttpRequest request;
    private String value;
    private long renewAtNanos;

    Token(HttpClient http, Options options) throws IOException {
        this.http = http;
        String secret = Files.readString(Path.of(options.get("--secret-file"))).strip();
        // Section 2.3.1: id and secret are form-encoded before they are joined.
        String credentials = encoded(options.get("--client")) + ":" + encoded(secret);
        this.request = HttpRequest.newBuilder(URI.create("http://" + options.get("--target") + "/oauth2/token"))
                .timeout(Duration.ofSeconds(10))
                .header("Authorization",
                        "Basic " + Base64.getEncoder().encodeToString(credentials.getBytes(StandardCharsets.UTF_8)))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(HttpRequest.BodyPublishers.ofString("grant_type=client_credentials"))
                .build();
    }

    /** Returns a token that lives for some time yet. */
    synchronized String value() throws IOException, InterruptedException {
        if (value == null || System.nanoTime() - renewAtNanos >= 0) {
            HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
            if (response.statusCode() != 200) {
                // RFC 6749, section 5.2: the body says why.
                String why = "no token: " + response.statusCode() + " " + response.body();
                if (response.statusCode() >= 500) {
                    throw new IOException(why);
                }
                throw new IllegalStateException(why);
            }
            JsonNode answer = Options.JSON.readTree(response.body());
            value = answer.get("access_token").asText();
            long lives = Math.max(1, answer.get("expires_in").asLong() - RENEW_BEFORE_SECONDS);
            renewAtNanos = System.nanoTime() + Duration.ofSeconds(lives).toNanos();
        }
        return value;
    }

    /** Forgets a token that the bus no longer takes. */
    synchronized void forget() {
        value = null;
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}
