using System.Text;
using OrleansLog.Cli.Consume;
using OrleansLog.Cli.Hosting;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Cli;

public sealed class RecordPumpTests
{
    private static readonly TopicPartition Zero = new("t", 0);
    private static readonly TopicPartition One = new("t", 1);

    private readonly FakeRecordSource _source = new();
    private readonly SinkStream _sink = new();
    private readonly WrittenOffsets _offsets = new();
    private OffsetCommitter? _committer;

    [Fact]
    public async Task Everything_written_is_committed_at_the_end()
    {
        _source.Add(0, 5, "a");
        _source.Add(1, 7, "b");
        _source.Add(0, 6, "c");
        _source.End();
        var result = await PumpOf(new ConsumeSettings()).RunAsync(default);
        Assert.Equal((ConsumeEnd.EndReached, 3), (result.End, result.Records));
        Assert.Equal("a\nb\nc\n", _sink.Text);
        Assert.Equal(["t-0@7 t-1@8"], _source.Commits);
    }

    [Fact]
    public async Task It_stops_after_the_count_and_commits_no_further()
    {
        for (var i = 0; i < 5; i++)
            _source.Add(0, i, "x");
        var result = await PumpOf(new ConsumeSettings { Count = 3 }).RunAsync(default);
        Assert.Equal((ConsumeEnd.CountReached, 3), (result.End, result.Records));
        Assert.Equal("x\nx\nx\n", _sink.Text);
        Assert.Equal(["t-0@3"], _source.Commits);
    }

    [Fact]
    public async Task It_stops_when_all_partitions_have_reached_their_ends()
    {
        _offsets.SetTarget(Zero, 2);
        _offsets.SetTarget(One, 1);
        _source.Add(0, 0, "a");
        _source.Add(0, 1, "b");
        _source.Add(0, 2, "beyond");
        _source.Add(1, 0, "c");
        _source.Add(1, 1, "never");
        var result = await PumpOf(new ConsumeSettings { UntilEnd = true }).RunAsync(default);
        Assert.Equal(ConsumeEnd.EndReached, result.End);
        Assert.Equal("a\nb\nbeyond\nc\n", _sink.Text);
        Assert.Equal(["t-0@3 t-1@1"], _source.Commits);
    }

    [Fact]
    public async Task An_end_behind_the_last_record_is_seen_by_the_position()
    {
        // compaction, or a transaction's marker: the last offsets hold no record
        _offsets.SetTarget(Zero, 10);
        _source.SetPosition(0, 10);
        _source.Add(0, 4, "a");
        var result = await PumpOf(new ConsumeSettings { UntilEnd = true }).RunAsync(default);
        Assert.Equal(ConsumeEnd.EndReached, result.End);
        Assert.Equal("a\n", _sink.Text);
    }

    [Fact]
    public async Task A_record_that_the_position_counts_and_that_is_still_on_its_way_is_written()
    {
        _offsets.SetTarget(Zero, 1);
        _source.SetPosition(0, 1);
        _source.OnItsWay = (0, 0, "a");
        var result = await PumpOf(new ConsumeSettings { UntilEnd = true }).RunAsync(default);
        Assert.Equal((ConsumeEnd.EndReached, 1), (result.End, result.Records));
        Assert.Equal("a\n", _sink.Text);
        Assert.Equal(["t-0@1"], _source.Commits);
    }

    [Fact]
    public async Task It_stops_when_no_record_comes_for_long()
    {
        _source.Add(0, 0, "a");
        var result = await PumpOf(new ConsumeSettings { IdleTimeout = TimeSpan.FromMilliseconds(20) }).RunAsync(default);
        Assert.Equal(ConsumeEnd.Idle, result.End);
        Assert.Equal("a\n", _sink.Text);
        Assert.Equal(["t-0@1"], _source.Commits);
    }

    [Fact]
    public async Task What_is_written_is_seen_at_once_when_nothing_more_is_waiting()
    {
        using var stop = new CancellationTokenSource();
        var running = PumpOf(new ConsumeSettings()).RunAsync(stop.Token);
        await _source.Waiting.WaitAsync();
        _source.Add(0, 0, "a");
        await _sink.Written.WaitAsync();
        Assert.Equal("a\n", _sink.Text);
        await stop.CancelAsync();
        Assert.Equal(ConsumeEnd.Interrupted, (await running).End);
        Assert.Equal(["t-0@1"], _source.Commits);
    }

    [Fact]
    public async Task Offsets_are_committed_while_it_waits()
    {
        using var stop = new CancellationTokenSource();
        var running = PumpOf(new ConsumeSettings { CommitInterval = TimeSpan.FromMilliseconds(10) }).RunAsync(stop.Token);
        _source.Add(0, 0, "a");
        while (_source.Commits.Count == 0)
            await Task.Delay(5);
        Assert.Equal("t-0@1", _source.Commits[0]);
        await stop.CancelAsync();
        await running;
        Assert.Single(_source.Commits);
    }

    [Fact]
    public async Task What_the_reader_did_not_take_is_not_committed()
    {
        _sink.Fail = true;
        _source.Add(0, 0, "a");
        _source.End();
        var result = await PumpOf(new ConsumeSettings()).RunAsync(default);
        Assert.Equal(ConsumeEnd.OutputClosed, result.End);
        Assert.Empty(_source.Commits);
    }

    [Fact]
    public async Task A_write_that_blocks_is_left_behind_and_not_committed()
    {
        _sink.Block();
        _source.Add(0, 0, "a");
        using var stop = new CancellationTokenSource();
        var running = PumpOf(new ConsumeSettings()).RunAsync(stop.Token);
        await _sink.Written.WaitAsync(); // the write has begun
        await stop.CancelAsync();
        Assert.Equal(ConsumeEnd.Interrupted, (await running).End);
        Assert.Empty(_source.Commits);
        _sink.Unblock();
    }

    [Fact]
    public async Task Partitions_given_up_are_written_and_committed_before_another_member_gets_them()
    {
        using var stop = new CancellationTokenSource();
        _source.Add(0, 0, "a");
        _source.Add(1, 0, "b");
        var running = PumpOf(new ConsumeSettings()).RunAsync(stop.Token);
        await _source.Waiting.WaitAsync();
        await _committer!.GiveUpAsync([Zero], default);
        Assert.Equal("a\nb\n", _sink.Text);
        Assert.Equal(["t-0@1"], _source.Commits);
        await stop.CancelAsync();
        await running;
        Assert.Equal(["t-0@1", "t-1@1"], _source.Commits);
    }

    [Fact]
    public async Task Partitions_that_were_lost_are_not_committed()
    {
        using var stop = new CancellationTokenSource();
        var running = PumpOf(new ConsumeSettings()).RunAsync(stop.Token);
        await _source.Waiting.WaitAsync();
        _source.Add(0, 0, "a");
        await _source.Waiting.WaitAsync();
        await _sink.Written.WaitAsync();
        await _committer!.ForgetAsync([Zero], default);
        await stop.CancelAsync();
        await running;
        Assert.Empty(_source.Commits);
    }

    [Fact]
    public async Task A_commit_that_fails_at_the_end_is_told()
    {
        _source.CommitFailure = new OrleansLogException(ErrorCode.UnknownMemberId, "gone");
        _source.Add(0, 0, "a");
        _source.End();
        var result = await PumpOf(new ConsumeSettings()).RunAsync(default);
        Assert.Same(_source.CommitFailure, result.CommitFailure);
        Assert.Equal("a\n", _sink.Text);
    }

    [Fact]
    public async Task Without_a_group_nothing_is_committed()
    {
        _source.Add(0, 0, "a");
        _source.End();
        await PumpOf(new ConsumeSettings(), commits: false).RunAsync(default);
        Assert.Empty(_source.Commits);
    }

    [Fact]
    public async Task Nothing_is_read_for_a_count_of_none()
    {
        _source.Add(0, 0, "a");
        Assert.Equal(ConsumeEnd.CountReached, (await PumpOf(new ConsumeSettings { Count = 0 }).RunAsync(default)).End);
        Assert.Equal("", _sink.Text);
    }

    private RecordPump PumpOf(ConsumeSettings settings, bool commits = true)
    {
        var output = new RecordOutput(_sink, grace: TimeSpan.FromMilliseconds(50));
        _committer = new OffsetCommitter(_source, output, _offsets, commits, settings.CommitInterval, TimeProvider.System);
        var formatter = new TextFormatter(PrintedFields.None, [], [], hex: false);
        return new RecordPump(_source, formatter, output, _offsets, _committer, settings, TimeProvider.System);
    }

    /// <summary>An output that can be closed by its reader, or block.</summary>
    private sealed class SinkStream : MemoryStream
    {
        private readonly ManualResetEventSlim _open = new(initialState: true);

        public bool Fail { get; set; }

        /// <summary>Released by each write that has begun (and, unless it blocks, is done).</summary>
        public SemaphoreSlim Written { get; } = new(0);

        public string Text
        {
            get
            {
                lock (_open)
                    return Encoding.UTF8.GetString(ToArray());
            }
        }

        public void Block() => _open.Reset();

        public void Unblock() => _open.Set();

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (Fail)
                throw new OutputClosedException();
            if (!_open.IsSet)
                Written.Release();
            _open.Wait();
            lock (_open)
                base.Write(buffer);
            Written.Release();
        }
    }
}
