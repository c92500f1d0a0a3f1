package lgsp.client;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.cloudevents.CloudEvent;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.core.message.MessageWriter;
import io.cloudevents.http.HttpMessageFactory;
import io.cloudevents.jackson.JsonFormat;

/**
 * Publishes the events of a file over HTTP, by the CloudEvents SDK for Java and Java's own client.
 *
 * <pre>
 * java -cp 'target/java-clients/classes:target/java-clients/libs/*' lgsp.client.HttpEvents \
 *     --target 127.0.0.1:8080 --client motcua --secret-file PATH --events-file EVENTS --mode structured
 * </pre>
 *
 * The mode is {@code binary} or {@code structured}, one request an event, or {@code batch}, one
 * request for all. Prints the answers as JSON. A request whose outcome is unknown is sent again with
 * the same ids, which the bus never records twice; what is refused is printed with every fault to
 * standard error, and the exit code is 1.
 */
public final class HttpEvents {
    private static final Duration GIVE_UP = Duration.ofSeconds(60);

    private final HttpClient http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
    private final URI events;
    private final Token token;

    private HttpEvents(Options options) throws IOException {
        events = URI.create("http://" + options.get("--target") + "/v1/events");
        token = new Token(http, options);
    }

    public static void main(String[] arguments) throws Exception {
        Options options = new Options(arguments);
        HttpEvents client = new HttpEvents(options);
        List<CloudEvent> planned = new ArrayList<>();
        for (Options.Planned event : options.events()) {
            planned.add(CloudEventBuilder.v1()
                    // Chosen once, kept for every repeat: with the source it names the event.
                    .withId(event.id())
                    .withSource(URI.create(options.source()))
                    .withType(event.type())
                    .withTime(OffsetDateTime.now())
                    .withDataContentType("application/json")
                    .withData(event.data().getBytes(StandardCharsets.UTF_8))
                    .withExtension("lot", 7)
                    .build());
        }
        ArrayNode answers = Options.JSON.createArrayNode();
        try {
            for (HttpRequest.Builder request : client.requests(planned, options.get("--mode"))) {
                answers.add(client.post(request));
            }
        } catch (Refused refused) {
            System.err.println(refused.problem.toPrettyString());
            System.exit(1);
        }
        System.out.println(answers.toPrettyString());
    }

    /** Writes the events as requests. */
    private List<HttpRequest.Builder> requests(List<CloudEvent> planned, String mode) throws IOException {
        List<HttpRequest.Builder> requests = new ArrayList<>();
        if (mode.equals("batch")) {
            // The SDK writes no batches; by the specification one is an array of structured events.
            ByteArrayOutputStream batch = new ByteArrayOutputStream();
            for (CloudEvent event : planned) {
                batch.write(batch.size() == 0 ? '[' : ',');
                batch.write(new JsonFormat().serialize(event));
            }
            batch.write(']');
            requests.add(HttpRequest.newBuilder(events)
                    .header("Content-Type", "application/cloudevents-batch+json")
                    .POST(HttpRequest.BodyPublishers.ofByteArray(batch.toByteArray())));
            return requests;
        }
        for (CloudEvent event : planned) {
            HttpRequest.Builder request = HttpRequest.newBuilder(events);
            Consumer<byte[]> body = bytes -> request.POST(HttpRequest.BodyPublishers.ofByteArray(bytes));
            MessageWriter<?, ?> writer = HttpMessageFactory.createWriter(request::header, body);
            if (mode.equals("binary")) {
                writer.writeBinary(event);
            } else {
                writer.writeStructured(event, new JsonFormat());
            }
            requests.add(request);
        }
        return requests;
    }

    /** Posts a request until its outcome is known. */
    private JsonNode post(HttpRequest.Builder request) throws IOException, InterruptedException, Refused {
        long giveUp = System.nanoTime() + GIVE_UP.toNanos();
        while (true) {
            boolean late = System.nanoTime() - giveUp >= 0;
            HttpResponse<String> response;
            try {
                request.setHeader("Authorization", "Bearer " + token.value());
                HttpRequest whole = request.copy().timeout(Duration.ofSeconds(25)).build();
                response = http.send(whole, HttpResponse.BodyHandlers.ofString());
            } catch (IOException broken) {
                // The line broke: whether the events were recorded is unknown, so send the same again.
                if (late) {
                    throw broken;
                }
                Thread.sleep(1000);
                continue;
            }
            JsonNode answer = Options.JSON.readTree(response.body());
            if (response.statusCode() < 400) {
                return answer;
            }
            if (response.statusCode() == 401 && !late) {
                // The token ended earlier than it said, e.g. since it was revoked.
                token.forget();
            } else if (late || !answer.path("retryable").asBoolean()) {
                // RFC 9457, with members of the bus's own.
                throw new Refused(answer);
            }
            Thread.sleep(1000 * response.headers().firstValueAsLong("Retry-After").orElse(1));
        }
    }

    /** A request that the bus refused for good. */
    private static final class Refused extends Exception {
        private static final long serialVersionUID = 1L;
        private final transient JsonNode problem;

        private Refused(JsonNode problem) {
            super(problem.path("code").asText());
            this.problem = problem;
        }
    }
}
