package lgsp.client;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/** What the clients are told on their command line: pairs of {@code --name value}. */
final class Options {
    static final ObjectMapper JSON = new ObjectMapper();

    private final Map<String, String> values = new HashMap<>();

    Options(String[] arguments) {
        for (int at = 0; at + 1 < arguments.length; at += 2) {
            values.put(arguments[at], arguments[at + 1]);
        }
        values.putIfAbsent("--client", "motcua");
        values.putIfAbsent("--agency", "H61.14");
    }

    String get(String name) {
        String value = values.get(name);
        if (value == null) {
            throw new IllegalArgumentException(name + " is missing");
        }
        return value;
    }

    /** Who sends: it must be what the registry grants to the client. */
    String source() {
        return "/agencies/" + get("--agency") + "/systems/" + get("--client");
    }

    /** One event of the file. */
    record Planned(String id, String type, String data) {}

    /** Reads the file of events: one JSON object a line, {@code {"id": …, "type": …, "data": "the record as text"}}. */
    List<Planned> events() throws Exception {
        List<Planned> events = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of(get("--events-file")))) {
            JsonNode event = JSON.readTree(line);
            events.add(new Planned(event.get("id").asText(), event.get("type").asText(), event.get("data").asText()));
        }
        return events;
    }
}
