package lgsp.client;

import java.io.IOException;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.MetadataUtils;
import lgsp.event.v1.Event.CloudEvent;
import lgsp.event.v1.Event.PublishEventsRequest;
import lgsp.event.v1.Event.PublishEventsResponse;
import lgsp.event.v1.EventServiceGrpc;

/**
 * Publishes the events of a file over a gRPC stream, and again what has no outcome, until each has
 * one; by code generated from {@code proto/}.
 *
 * <pre>
 * java -cp 'target/java-clients/classes:target/java-clients/libs/*' lgsp.client.GrpcEvents \
 *     --target 127.0.0.1:8080 --client motcua --secret-file PATH --events-file EVENTS
 * </pre>
 *
 * An event keeps its id for ever, so that the bus never records it twice; what has neither a
 * receipt nor a final refusal is sent again in the same order, so that each dossier's events stay
 * in order. Prints how many streams it took, and the outcome of each event.
 */
public final class GrpcEvents {
    private static final Duration GIVE_UP = Duration.ofSeconds(120);
    private static final long STREAM_SECONDS = 60;
    private static final long FIRST_PAUSE_MILLIS = 200;
    private static final long LONGEST_PAUSE_MILLIS = 30_000;
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    private final ManagedChannel channel;
    private final Token token;
    /** The outcomes by id. */
    private final Map<String, PublishEventsResponse> outcomes = new LinkedHashMap<>();

    private GrpcEvents(Options options) throws Exception {
        channel = Grpc.newChannelBuilder(options.get("--target"), InsecureChannelCredentials.create()).build();
        token = new Token(HttpClient.newHttpClient(), options);
    }

    public static void main(String[] arguments) throws Exception {
        Options options = new Options(arguments);
        List<CloudEvent> events = new ArrayList<>();
        for (Options.Planned event : options.events()) {
            CloudEvent.CloudEventAttributeValue json =
                    CloudEvent.CloudEventAttributeValue.newBuilder().setCeString("application/json").build();
            events.add(CloudEvent.newBuilder()
                    .setSpecVersion("1.0")
                    .setId(event.id())
                    .setSource(options.source())
                    .setType(event.type())
                    .putAttributes("datacontenttype", json)
                    .setTextData(event.data())
                    .build());
        }
        GrpcEvents client = new GrpcEvents(options);
        int streams = client.publish(events);
        client.channel.shutdownNow();
        System.out.println(client.report(streams, events).toPrettyString());
    }

    /** Publishes until each event has an outcome; returns how many streams it took. */
    private int publish(List<CloudEvent> events) throws Exception {
        long giveUp = System.nanoTime() + GIVE_UP.toNanos();
        long pause = FIRST_PAUSE_MILLIS;
        int streams = 0;
        while (outcomes.size() < events.size()) {
            int before = outcomes.size();
            List<CloudEvent> left = events.stream().filter(event -> !outcomes.containsKey(event.getId())).toList();
            streams++;
            Status ended = publishOnce(left);
            if (outcomes.size() > before) {
                pause = FIRST_PAUSE_MILLIS;
            }
            if (outcomes.size() < events.size()) {
                if (!mayPass(ended) || System.nanoTime() - giveUp >= 0) {
                    throw ended.asException();
                }
                if (ended.getCode() == Status.Code.UNAUTHENTICATED) {
                    // A stream ends when its token does.
                    token.forget();
                }
                // Twice as long each time without progress, and never all clients at the same moment.
                Thread.sleep(pause / 2 + ThreadLocalRandom.current().nextLong(pause / 2));
                pause = Math.min(pause * 2, LONGEST_PAUSE_MILLIS);
            }
        }
        return streams;
    }

    /** Tells whether a stream that ended so may do better later: what it answered stands all the same. */
    private static boolean mayPass(Status ended) {
        return switch (ended.getCode()) {
            case OK, UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNKNOWN, UNAUTHENTICATED -> true;
            default -> false;
        };
    }

    /** Sends events over one stream and notes the outcomes that come, in their order. */
    private Status publishOnce(List<CloudEvent> events) throws Exception {
        Metadata metadata = new Metadata();
        try {
            metadata.put(AUTHORIZATION, "Bearer " + token.value());
        } catch (IOException unreachable) {
            return Status.UNAVAILABLE.withCause(unreachable);
        }
        EventServiceGrpc.EventServiceStub stub = EventServiceGrpc.newStub(channel)
                .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata))
                .withDeadlineAfter(STREAM_SECONDS, TimeUnit.SECONDS);
        Stream stream = new Stream(events);
        stub.publishEvents(stream);
        return stream.ended.get(STREAM_SECONDS + 10, TimeUnit.SECONDS);
    }

    /** One stream: sends as long as the line takes more, so that nothing piles up here. */
    private final class Stream implements ClientResponseObserver<PublishEventsRequest, PublishEventsResponse> {
        private final Deque<CloudEvent> unsent;
        private final Deque<CloudEvent> unanswered;
        private final CompletableFuture<Status> ended = new CompletableFuture<>();
        private boolean closed;

        private Stream(List<CloudEvent> events) {
            unsent = new ArrayDeque<>(events);
            unanswered = new ArrayDeque<>(events);
        }

        @Override
        public void beforeStart(ClientCallStreamObserver<PublishEventsRequest> requests) {
            requests.setOnReadyHandler(() -> {
                while (requests.isReady() && !unsent.isEmpty()) {
                    requests.onNext(PublishEventsRequest.newBuilder().setEvent(unsent.poll()).build());
                }
                if (unsent.isEmpty() && !closed) {
                    closed = true;
                    requests.onCompleted();
                }
            });
        }

        @Override
        public void onNext(PublishEventsResponse answer) {
            // The answers come in the order of the events, one for each.
            String id = unanswered.remove().getId();
            if (!answer.hasFault() || !answer.getFault().getRetryable()) {
                outcomes.put(id, answer);
            }
        }

        @Override
        public void onError(Throwable error) {
            ended.complete(Status.fromThrowable(error));
        }

        @Override
        public void onCompleted() {
            ended.complete(Status.OK);
        }
    }

    private ObjectNode report(int streams, List<CloudEvent> events) {
        ObjectNode report = Options.JSON.createObjectNode().put("streams", streams);
        ArrayNode all = report.putArray("outcomes");
        for (CloudEvent event : events) {
            PublishEventsResponse answer = outcomes.get(event.getId());
            ObjectNode outcome = all.addObject().put("id", event.getId());
            if (answer.hasReceipt()) {
                outcome.putObject("receipt")
                        .put("topic", answer.getReceipt().getTopic())
                        .put("partition", answer.getReceipt().getPartition())
                        .put("offset", Long.toString(answer.getReceipt().getOffset()))
                        .put("duplicate", answer.getReceipt().getDuplicate());
            } else {
                ObjectNode fault = outcome.putObject("fault").put("code", answer.getFault().getCode());
                ArrayNode violations = fault.putArray("violations");
                answer.getFault().getViolationsList().forEach(violation -> violations.addObject()
                        .put("pointer", violation.getPointer())
                        .put("rule", violation.getRule())
                        .put("messageVi", violation.getMessageVi())
                        .put("messageEn", violation.getMessageEn()));
            }
        }
        return report;
    }
}
