using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>Idempotent producers: once, in order, whatever happens to the log meanwhile.</summary>
public sealed class ProducerStateTests
{
    private static readonly LogConfig Small = LogConfig.Default with { SegmentBytes = 1000, SegmentMs = long.MaxValue };

    private static LogAppendResult Send(LogHarness harness, int sequence, int count = 1, long producerId = 7, short epoch = 0) =>
        harness.Log.AppendAsLeader(LogHarness.Batch(count, $"s{sequence}-", producerId: producerId, epoch: epoch, sequence: sequence), 0);

    [Fact]
    public async Task A_duplicate_is_answered_with_its_first_offset_and_not_appended()
    {
        await using var harness = await LogHarness.StartAsync();
        for (var sequence = 0; sequence < 10; sequence += 2) Send(harness, sequence, 2);
        for (var sequence = 0; sequence < 10; sequence += 2)
        {
            var again = Send(harness, sequence, 2);
            Assert.Equal([(long)sequence], again.BaseOffsets);
            Assert.Equal(sequence + 2, again.NextOffset);
            Assert.False(again.AnyAppended);
        }

        Assert.Equal(10, harness.Log.LogEndOffset);
    }

    [Fact]
    public async Task A_duplicate_among_new_batches_is_left_out()
    {
        await using var harness = await LogHarness.StartAsync();
        Send(harness, 0);
        byte[] batches =
        [
            .. LogHarness.Batch(1, "new", producerId: 7, sequence: 1), .. LogHarness.Batch(1, "s0-", producerId: 7, sequence: 0),
            .. LogHarness.Batch(2, "other"), .. LogHarness.Batch(1, "new", producerId: 7, sequence: 1),
        ];
        var result = harness.Log.AppendAsLeader(batches, 0);
        Assert.Equal([1L, 0L, 2L, 1L], result.BaseOffsets);
        Assert.Equal(["s0-0", "new0", "other0", "other1"], harness.ReadAll().Values);
    }

    [Fact]
    public void A_flipped_bit_in_a_sequence_number_has_no_new_record_taken_for_an_old_one()
    {
        const int BaseSequence = 53; // its place in a batch, where it is big-endian
        using var test = new TestLog();
        for (var sequence = 0; sequence < 3; sequence++) test.Append(TestLog.Sequenced(7, sequence));
        var segment = test.Log.Segments[0];
        var (path, last) = (segment.LogPath, segment.SizeInBytes / 3 * 2);
        test.Reopen(() => test.Files.FlipBit(path, last + BaseSequence + 3, 0)); // of 2 it makes 3
        Assert.Equal(
            ErrorCode.OutOfOrderSequenceNumber, LogHarness.Refused(() => test.Log.AppendAsLeader(TestLog.Sequenced(7, 3), 0)).Error);
    }

    [Fact]
    public async Task A_gap_is_refused_naming_the_producer_and_the_numbers()
    {
        await using var harness = await LogHarness.StartAsync();
        Send(harness, 0, 3);
        var refused = LogHarness.Refused(() => Send(harness, 4));
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, refused.Error);
        Assert.Contains("Producer 7", refused.Message, StringComparison.Ordinal);
        Assert.Contains("numbers 4 to 4", refused.Message, StringComparison.Ordinal);
        Assert.Contains("sequence 3 comes next", refused.Message, StringComparison.Ordinal);
        Assert.Equal([3L], Send(harness, 3).BaseOffsets);
    }

    [Fact]
    public async Task A_refused_batch_leaves_no_trace_of_those_before_it()
    {
        await using var harness = await LogHarness.StartAsync();
        byte[] batches = [.. LogHarness.Batch(producerId: 7, sequence: 0), .. LogHarness.Batch(producerId: 7, sequence: 5)];
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, LogHarness.Refused(() => harness.Log.AppendAsLeader(batches, 0)).Error);
        Assert.Null(harness.Log.FindProducer(7));
        Assert.Equal(0, harness.Log.LogEndOffset);
    }

    [Fact]
    public async Task Epochs_only_rise_and_a_new_one_begins_with_sequence_0()
    {
        await using var harness = await LogHarness.StartAsync();
        Send(harness, 0, epoch: 1);
        Assert.Equal(ErrorCode.InvalidProducerEpoch, LogHarness.Refused(() => Send(harness, 1, epoch: 0)).Error);
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, LogHarness.Refused(() => Send(harness, 1, epoch: 2)).Error);
        Send(harness, 0, epoch: 2);
        Assert.Equal(2, harness.Log.FindProducer(7)!.Value.Epoch);
    }

    [Fact]
    public async Task An_unknown_producer_may_begin_anywhere()
    {
        await using var harness = await LogHarness.StartAsync();
        Send(harness, 1234);
        Assert.Equal(1234, harness.Log.FindProducer(7)!.Value.LastSequence);
    }

    [Fact]
    public async Task Sequence_numbers_wrap_around()
    {
        await using var harness = await LogHarness.StartAsync();
        Send(harness, int.MaxValue - 1, 4);
        Assert.Equal(1, harness.Log.FindProducer(7)!.Value.LastSequence);
        Assert.Equal([0L], Send(harness, int.MaxValue - 1, 4).BaseOffsets);
        Assert.Equal([4L], Send(harness, 2).BaseOffsets);
        Send(harness, 0, producerId: 8);
        Send(harness, int.MaxValue, producerId: 9);
        Assert.Equal([7L], Send(harness, 0, producerId: 9).BaseOffsets);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_whole_window_survives_a_restart(bool isClean)
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var sequence = 0; sequence < 30; sequence++) Send(harness, sequence);
        harness.Log.Roll();
        await harness.AppendDurablyAsync();
        Assert.True(harness.Log.Segments.Count > 2);
        if (isClean) await harness.RestartAsync();
        else await harness.CrashAsync(CrashKind.ForgetAll);
        for (var sequence = 25; sequence < 30; sequence++) Assert.Equal([(long)sequence], Send(harness, sequence).BaseOffsets);
        Assert.Equal(ErrorCode.DuplicateSequenceNumber, LogHarness.Refused(() => Send(harness, 24)).Error);
        Assert.Equal([31L], Send(harness, 30).BaseOffsets);
    }

    [Fact]
    public async Task Damaged_snapshots_are_replaced_by_the_log()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var sequence = 0; sequence < 30; sequence++) Send(harness, sequence);
        await harness.RestartAsync(() =>
        {
            var random = new Random(1);
            foreach (var path in harness.Disk.ListFiles(harness.LogDirectory).Where(path => path.EndsWith(".snapshot", StringComparison.Ordinal)))
                harness.Disk.FlipBit(path, random.NextInt64(harness.FileLength(path)), random.Next(8));
        });
        Assert.Equal([29L], Send(harness, 29).BaseOffsets);
        Assert.Equal([30L], Send(harness, 30).BaseOffsets);
    }

    [Fact]
    public async Task Truncation_takes_the_producers_back()
    {
        await using var harness = await LogHarness.StartAsync(Small);
        for (var sequence = 0; sequence < 30; sequence++) Send(harness, sequence);
        harness.Log.TruncateTo(12);
        Assert.Equal(11, harness.Log.FindProducer(7)!.Value.LastSequence);
        Assert.Equal([12L], Send(harness, 12).BaseOffsets);
    }

    [Fact]
    public async Task Idle_producers_are_forgotten_after_a_day()
    {
        await using var harness = await LogHarness.StartAsync();
        Send(harness, 0);
        harness.Clock.Advance(TimeSpan.FromHours(23));
        Send(harness, 0, producerId: 8);
        harness.Clock.Advance(TimeSpan.FromHours(2));
        harness.Log.RemoveExpiredProducers();
        Assert.Null(harness.Log.FindProducer(7));
        Assert.NotNull(harness.Log.FindProducer(8));
    }

    [Fact]
    public void A_snapshot_has_Kafkas_layout()
    {
        var producers = new ProducerStateManager(LogHarness.Partition, new ProducerStateOptions());
        var header = Header(LogHarness.Batch(3, producerId: 0x0102030405060708, epoch: 9, sequence: 16)) with { BaseOffset = 100 };
        producers.Stage(header, nowMs: 0x1112131415161718);
        producers.Commit(103);
        var bytes = producers.Snapshot();
        Assert.Equal("0001", Convert.ToHexString(bytes[..2]));
        Assert.Equal(
            "00000001" + "0102030405060708" + "0009" + "00000012" + "0000000000000066" + "00000002" + "1112131415161718" + "FFFFFFFF"
            + "FFFFFFFFFFFFFFFF",
            Convert.ToHexString(bytes[6..]));
        Assert.Equal(Crc32C.Compute(bytes.AsSpan(6)), System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(2)));
    }

    [Fact]
    public void The_number_of_producers_is_bounded_and_the_idlest_go_first()
    {
        var producers = new ProducerStateManager(LogHarness.Partition, new ProducerStateOptions { MaxProducers = 20 });
        for (var id = 0; id < 100; id++)
        {
            producers.Stage(Header(LogHarness.Batch(producerId: id)) with { BaseOffset = id }, nowMs: 1000 + id);
            producers.Commit(id + 1);
        }

        Assert.True(producers.Count <= 20);
        Assert.NotNull(producers.Find(99));
        Assert.Null(producers.Find(0));
    }

    private static RecordBatchHeader Header(byte[] batch)
    {
        Assert.True(RecordBatchHeader.TryRead(batch, out var header));
        return header;
    }
}
