//! What an operator is told, situation by situation.

use lgsp_lag::{
    GroupLag, GroupOffsets, GroupPosition, Model, Observation, PartitionEnds, Place, RecordTime,
    Status,
};

const TOPIC: &str = "lgsp.dossier.v1";
const NOW: i64 = 1_700_000_000_000;

fn place(partition: i32) -> Place {
    Place { topic: TOPIC.into(), partition }
}

fn ends(partition: i32, start: i64, end: i64) -> PartitionEnds {
    PartitionEnds { place: place(partition), start: Some(start), end: Some(end) }
}

fn at(partition: i32, committed: impl Into<Option<i64>>) -> GroupPosition {
    GroupPosition { place: place(partition), committed: committed.into() }
}

fn observation(
    taken: i64,
    ends: Vec<PartitionEnds>,
    positions: Option<Vec<GroupPosition>>,
) -> Observation {
    let groups = vec![GroupOffsets { group: "thong-ke".into(), positions }];
    Observation { taken_unix_millis: taken, ends, groups, record_times: vec![] }
}

fn told(observations: Vec<Observation>) -> GroupLag {
    let mut model = Model::new();
    for observation in observations {
        model.observe(observation);
    }
    model.snapshot().groups.remove(0)
}

fn written(
    mut observation: Observation,
    partition: i32,
    offset: i64,
    unix_millis: i64,
) -> Observation {
    observation.record_times.push(RecordTime { place: place(partition), offset, unix_millis });
    observation
}

#[test]
fn says_of_each_situation_what_is_known_and_no_more() {
    use Status::{Behind, Ok, Unknown};
    let no_end = PartitionEnds { place: place(1), start: None, end: None };
    let poll = |ends, positions| observation(NOW, ends, Some(positions));
    #[rustfmt::skip]
    let table = [
        // Read to the end: nothing waits, for no time.
        ("caught up", vec![poll(vec![ends(0, 0, 5)], vec![at(0, 5)])], (Some(0), Some(0.0), Ok)),
        // An empty partition with a commit at 0 is caught up too.
        ("empty", vec![poll(vec![ends(0, 0, 0)], vec![at(0, 0)])], (Some(0), Some(0.0), Ok)),
        // Never committed: the group may read all or nothing of it; 0 would be a lie.
        ("never committed", vec![poll(vec![ends(0, 0, 5)], vec![at(0, None)])], (None, None, Unknown)),
        // Never committed to an empty partition: still not known.
        ("never committed, empty", vec![poll(vec![ends(0, 0, 0)], vec![at(0, None)])], (None, None, Unknown)),
        // The group reads the topic, and where it never committed there is nothing to read.
        ("one partition never committed, empty", vec![poll(vec![ends(0, 0, 5), ends(1, 0, 0)], vec![at(0, 5), at(1, None)])], (Some(0), Some(0.0), Ok)),
        // The same where records were, and are past retention.
        ("one partition never committed, emptied", vec![poll(vec![ends(0, 0, 5), ends(1, 9, 9)], vec![at(0, 5), at(1, None)])], (Some(0), Some(0.0), Ok)),
        // Where it never committed there are records: it may not have read one of them.
        ("one partition never committed, with records", vec![poll(vec![ends(0, 0, 5), ends(1, 0, 9)], vec![at(0, 5), at(1, None)])], (None, None, Unknown)),
        // Where it never committed, whether there is anything to read is not known.
        ("one partition never committed, no answer", vec![poll(vec![ends(0, 0, 5), no_end.clone()], vec![at(0, 5), at(1, None)])], (None, None, Unknown)),
        // Empty, and committed nowhere: nothing says that the group ever read anything.
        ("all partitions never committed, empty", vec![poll(vec![ends(0, 0, 0), ends(1, 0, 0)], vec![at(0, None), at(1, None)])], (None, None, Unknown)),
        // A group without any known partition must not look fine.
        ("no partition", vec![poll(vec![ends(0, 0, 5)], vec![])], (None, None, Unknown)),
        // The cluster did not answer for the group.
        ("no answer", vec![observation(NOW, vec![ends(0, 0, 5)], None)], (None, None, Unknown)),
        // One partition's end is not known: the total is not either.
        ("one end missing", vec![poll(vec![ends(0, 0, 5), no_end], vec![at(0, 5), at(1, 1)])], (None, None, Unknown)),
        // A partition that no longer exists has no end.
        ("topic gone", vec![poll(vec![], vec![at(0, 5)])], (None, None, Unknown)),
        // Made anew: the commit is beyond the end, and lag is never negative.
        ("topic made anew", vec![poll(vec![ends(0, 0, 3)], vec![at(0, 5)])], (None, None, Unknown)),
        // The record's time says how far behind, where no poll saw it arrive.
        ("behind", vec![written(poll(vec![ends(0, 0, 5)], vec![at(0, 2)]), 0, 2, NOW - 90_000)], (Some(3), Some(90.0), Behind)),
        // Something unread for a moment is the normal state of a busy topic.
        ("a moment behind", vec![written(poll(vec![ends(0, 0, 5)], vec![at(0, 2)]), 0, 2, NOW - 4_000)], (Some(3), Some(4.0), Ok)),
        // How many is known, how old is not: behind, with the seconds unknown.
        ("time not known", vec![poll(vec![ends(0, 0, 5)], vec![at(0, 2)])], (Some(3), None, Behind)),
        // A sender's clock that runs ahead does not make lag negative.
        ("record of the future", vec![written(poll(vec![ends(0, 0, 5)], vec![at(0, 2)]), 0, 2, NOW + 9_000)], (Some(3), Some(0.0), Ok)),
        // Retention overtook the group: the oldest record that can still be read tells the time.
        ("overtaken", vec![written(poll(vec![ends(0, 4, 6)], vec![at(0, 2)]), 0, 4, NOW - 20_000)], (Some(4), Some(20.0), Behind)),
        // Two polls saw the record arrive: 5 of 10 records in 10 s.
        ("interpolated", vec![
            observation(NOW - 40_000, vec![ends(0, 0, 10)], Some(vec![at(0, 10)])),
            observation(NOW - 30_000, vec![ends(0, 0, 20)], Some(vec![at(0, 14)])),
            observation(NOW, vec![ends(0, 0, 20)], Some(vec![at(0, 14)])),
        ], (Some(6), Some(35.0), Behind)),
        // The total is the sum of records and the greatest age.
        ("two partitions", vec![written(written(
            poll(vec![ends(0, 0, 5), ends(1, 0, 9)], vec![at(0, 2), at(1, 8)]),
            0, 2, NOW - 60_000), 1, 8, NOW - 15_000)], (Some(4), Some(60.0), Behind)),
    ];
    for (situation, observations, (records, seconds, status)) in table {
        let group = told(observations);
        assert_eq!(
            (group.lag_records, group.lag_seconds, group.status),
            (records, seconds, status),
            "{situation}"
        );
    }
}

#[test]
fn commits_in_one_topic_say_nothing_of_another() {
    let other = Place { topic: "lgsp.citizen.v1".into(), partition: 0 };
    let empty = PartitionEnds { place: other.clone(), start: Some(0), end: Some(0) };
    let never = GroupPosition { place: other, committed: None };
    let group =
        told(vec![observation(NOW, vec![ends(0, 0, 5), empty], Some(vec![at(0, 5), never]))]);
    let topics: Vec<_> = group.topics.iter().map(|topic| (&*topic.topic, topic.status)).collect();
    assert_eq!(topics, [("lgsp.citizen.v1", Status::Unknown), (TOPIC, Status::Ok)]);
    assert_eq!(group.lag_records, None);
}

#[test]
fn tells_how_much_each_topic_holds_or_that_it_is_not_known() {
    let of = |topic: &str, partition, start, end| PartitionEnds {
        place: Place { topic: topic.into(), partition },
        start,
        end,
    };
    let mut model = Model::new();
    assert_eq!(model.snapshot().topics, []);
    model.observe(observation(
        NOW,
        vec![
            // The sum over the partitions, of what is still kept.
            of("whole", 0, Some(0), Some(5)),
            of("whole", 1, Some(90), Some(100)),
            // Empty is known to be 0.
            of("empty", 0, Some(7), Some(7)),
            // One partition without an answer, be it of either edge, wherever it stands.
            of("no-end", 0, Some(0), None),
            of("no-end", 1, Some(0), Some(5)),
            of("no-start", 0, Some(0), Some(5)),
            of("no-start", 1, None, Some(5)),
            // The two edges are asked one after the other: a contradiction is not a size.
            of("contradiction", 0, Some(9), Some(5)),
        ],
        None,
    ));
    let topics = model.snapshot().topics;
    let sizes: Vec<_> = topics.iter().map(|size| (&*size.topic, size.records)).collect();
    let expected = [
        ("contradiction", None),
        ("empty", Some(0)),
        ("no-end", None),
        ("no-start", None),
        ("whole", Some(15)),
    ];
    assert_eq!(sizes, expected);
}

#[test]
fn asks_for_the_time_of_a_record_once() {
    let mut model = Model::new();
    let seen = |taken| {
        observation(taken, vec![ends(0, 0, 5), ends(1, 0, 5)], Some(vec![at(0, 2), at(1, 5)]))
    };
    assert_eq!(
        model.unresolved(&seen(NOW)),
        vec![(place(0), 2)],
        "only what is unread needs a time"
    );
    model.observe(written(seen(NOW), 0, 2, NOW - 1_000));
    assert_eq!(model.unresolved(&seen(NOW + 5_000)), vec![]);
    model.observe(seen(NOW + 5_000));
    assert_eq!(model.snapshot().groups[0].lag_seconds, Some(6.0), "and its age grows");
}

#[test]
fn asks_for_no_time_of_a_record_that_came_since_the_last_poll() {
    let mut model = Model::new();
    model.observe(observation(NOW, vec![ends(0, 0, 5)], Some(vec![at(0, 5)])));
    let next = observation(NOW + 5_000, vec![ends(0, 0, 6)], Some(vec![at(0, 5)]));
    assert_eq!(model.unresolved(&next), vec![]);
    model.observe(next);
    assert_eq!(model.snapshot().groups[0].lag_seconds, Some(0.0));
}

#[test]
fn forgets_a_record_time_when_the_topic_is_made_anew() {
    let mut model = Model::new();
    model.observe(written(
        observation(NOW, vec![ends(0, 0, 5)], Some(vec![at(0, 2)])),
        0,
        2,
        NOW - 1_000,
    ));
    let anew = observation(NOW + 5_000, vec![ends(0, 0, 4)], Some(vec![at(0, 2)]));
    model.observe(anew.clone());
    assert_eq!(model.snapshot().groups[0].lag_seconds, None);
    assert_eq!(model.unresolved(&anew), vec![(place(0), 2)]);
}

#[test]
fn a_failed_poll_keeps_the_figures_and_says_why_they_age() {
    let mut model = Model::new();
    model.poll_failed(NOW - 5_000, "no broker".to_owned());
    assert_eq!(model.snapshot().age_millis(NOW), None, "no figures, no age");
    model.observe(observation(NOW, vec![ends(0, 0, 5)], Some(vec![at(0, 5)])));
    assert_eq!(model.snapshot().failure, None);
    model.poll_failed(NOW + 5_000, "no broker".to_owned());
    model.poll_failed(NOW + 10_000, "timed out".to_owned());
    let snapshot = model.snapshot();
    assert_eq!(snapshot.age_millis(NOW + 10_000), Some(10_000));
    assert_eq!(snapshot.groups[0].lag_records, Some(0));
    let failure = snapshot.failure.unwrap();
    assert_eq!((failure.since_unix_millis, failure.reason.as_str()), (NOW + 5_000, "timed out"));
}
