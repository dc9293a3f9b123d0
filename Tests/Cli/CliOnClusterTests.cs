using System.Globalization;
using System.Text;
using System.Text.Json;
using OrleansLog.Cli.Hosting;
using Xunit;

namespace OrleansLog.Tests.Cli;

/// <summary>The commands against a silo.</summary>
public sealed class CliOnClusterTests(CliCluster cluster) : IClassFixture<CliCluster>
{
    [Fact]
    public async Task A_topic_is_created_listed_described_altered_and_deleted()
    {
        Assert.Equal("Created topic life with 3 partitions.\n", await cluster.RunAsync("topic create life -p 3 -c retention.ms=1000"));
        Assert.Contains("exists already", await cluster.RunAsync("topic create life --if-not-exists"), StringComparison.Ordinal);
        var again = await cluster.TryRunAsync("topic create life");
        Assert.Equal(ExitCode.Failed, again.Code);
        Assert.StartsWith("orleanslog: TopicAlreadyExists: ", again.Error, StringComparison.Ordinal);

        Assert.Contains("life", await cluster.RunAsync("topic list"), StringComparison.Ordinal);
        await cluster.RunAsync("topic alter life -p 4 -c retention.ms=2000 -c max.message.bytes=5000");
        await cluster.RunAsync("topic alter life --delete-config retention.ms");
        using var json = JsonDocument.Parse(await cluster.RunAsync("topic describe life --json"));
        Assert.Equal(4, json.RootElement.GetProperty("partitions").GetArrayLength());
        Assert.Equal("""{"max.message.bytes":"5000"}""", json.RootElement.GetProperty("overrides").GetRawText());

        Assert.Equal(ExitCode.Usage, (await cluster.TryRunAsync("topic delete life")).Code);
        Assert.Equal("Deleted topic life.\n", await cluster.RunAsync("topic delete life --yes"));
        Assert.DoesNotContain("life", await cluster.RunAsync("topic list"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_slip_in_a_topics_name_is_noticed_before_anything_is_sent()
    {
        await cluster.RunAsync("topic create slips");
        foreach (var line in new[] { "produce slip", "consume slip", "perf produce slip -n 1", "group reset g --topic slip --to-latest" })
        {
            var result = await cluster.TryRunAsync(line, "x\n");
            Assert.Equal(ExitCode.Failed, result.Code);
            Assert.StartsWith("orleanslog: UnknownTopicOrPartition: There is no topic 'slip'", result.Error, StringComparison.Ordinal);
        }

        var partition = await cluster.TryRunAsync("produce slips --partition 9", "x\n");
        Assert.Contains("there is no partition 9", partition.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_line_reaches_a_group_of_two_once_and_keys_keep_their_order()
    {
        const int Lines = 20_000;
        await cluster.RunAsync("topic create once -p 6");
        var input = string.Concat(Enumerable.Range(0, Lines).Select(static i => $"k{i % 97}\t{i}\n"));
        var produced = await cluster.TryRunAsync("produce once --key-separator \\t", input);
        Assert.StartsWith("20,000 records", produced.Error, StringComparison.Ordinal);

        var members = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ =>
            Task.Run(() => cluster.RunAsync("consume once --group pair --until-end --print-key --print-partition"))));
        var rows = members.Select(static output => output.Split('\n', StringSplitOptions.RemoveEmptyEntries)).ToArray();
        Assert.Equal(
            Enumerable.Range(0, Lines),
            rows.SelectMany(static member => member).Select(static row => int.Parse(row.Split('\t')[2], CultureInfo.InvariantCulture)).Order());
        foreach (var member in rows)
        {
            foreach (var key in member.Select(static row => row.Split('\t')).GroupBy(static fields => fields[1]))
            {
                var numbers = key.Select(static fields => int.Parse(fields[2], CultureInfo.InvariantCulture)).ToList();
                Assert.Equal(numbers.Order(), numbers);
                Assert.Single(key.Select(static fields => fields[0]).Distinct());
            }
        }

        using var json = JsonDocument.Parse(await cluster.RunAsync("group describe pair --json"));
        Assert.Equal(0, json.RootElement.GetProperty("lag").GetInt64());
        Assert.Equal("Empty", json.RootElement.GetProperty("state").GetString());
        Assert.Equal("", await cluster.RunAsync("consume once --group pair --until-end"));
    }

    [Fact]
    public async Task Reading_starts_and_stops_where_it_is_told_to()
    {
        await cluster.RunAsync("topic create places -p 2");
        await cluster.RunAsync("produce places --partition 0 --header a=b", "a\nb\nc\nd");
        await cluster.RunAsync("produce places --partition 1 --compression zstd", "e\n");
        Assert.Equal("a\nb\n", await cluster.RunAsync("consume places --partition 0 --from-beginning --count 2"));
        Assert.Equal("c\nd\n", await cluster.RunAsync("consume places --partition 0 --offset 2 --until-end"));
        Assert.Equal("a b c d e", string.Join(' ', (await cluster.RunAsync("consume places -e")).Split('\n').Order()).Trim());
        Assert.Equal("", await cluster.RunAsync("consume places --from-time now --until-end"));
        Assert.Equal("", await cluster.RunAsync("consume places --idle-timeout 50"));
        Assert.Equal("0|3|a=b|null|d\n", await cluster.RunAsync(
            "consume places -p 0 -o 3 -e -k --print-partition --print-offset --print-headers -K |"));
        Assert.Equal("e", await cluster.RunAsync("consume places -p 1 -e --format raw"));
    }

    [Fact]
    public async Task A_group_reads_on_from_what_was_written_out_and_can_be_reset()
    {
        await cluster.RunAsync("topic create resume");
        await cluster.RunAsync("produce resume", string.Concat(Enumerable.Range(0, 10).Select(static i => $"{i}\n")));
        Assert.Equal("0\n1\n2\n", await cluster.RunAsync("consume resume -g back -B -n 3"));
        Assert.Equal("3\n4\n", await cluster.RunAsync("consume resume -g back -n 2"));

        Assert.Contains("add --execute", await cluster.RunAsync("group reset back -t resume --to-offset 8"), StringComparison.Ordinal);
        Assert.Contains("-4", await cluster.RunAsync("group reset back -t resume --shift-by=-4 --execute"), StringComparison.Ordinal);
        Assert.Equal("1\n2\n", await cluster.RunAsync("consume resume -g back -n 2"));
        await cluster.RunAsync("group reset back -t resume --to-latest --execute");
        Assert.Equal("", await cluster.RunAsync("consume resume -g back -e"));

        Assert.Contains("back", await cluster.RunAsync("group list --lag"), StringComparison.Ordinal);
        await cluster.RunAsync("group delete back");
        var gone = await cluster.TryRunAsync("group describe back");
        Assert.Equal(ExitCode.Failed, gone.Code);
        Assert.StartsWith("orleanslog: GroupIdNotFound: ", gone.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_member_that_is_interrupted_or_whose_reader_goes_has_committed_what_was_taken()
    {
        await cluster.RunAsync("topic create pipes");
        await cluster.RunAsync("produce pipes", string.Concat(Enumerable.Range(0, 50_000).Select(static i => $"{i}\n")));
        using var head = new ClosingStream(takes: 100_000);
        var closed = await cluster.TryRunAsync("consume pipes -g head -B", output: head);
        Assert.Equal((ExitCode.Ok, ""), (closed.Code, closed.Error));

        using var stop = new CancellationTokenSource();
        using var sink = new CancellingStream(stop);
        var interrupted = await cluster.TryRunAsync("consume pipes -g head", output: sink, interrupted: stop.Token);
        Assert.Equal((ExitCode.Interrupted, ""), (interrupted.Code, interrupted.Error));

        var rest = await cluster.RunAsync("consume pipes -g head -e");
        var lines = (head.Text + sink.Text + rest).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(static line => int.Parse(line, CultureInfo.InvariantCulture));
        Assert.Equal(Enumerable.Range(0, 50_000), lines);
    }

    [Fact]
    public async Task A_line_that_is_too_long_is_named_and_those_before_it_are_stored()
    {
        await cluster.RunAsync("topic create bounds -c max.message.bytes=2000");
        var byReader = await cluster.TryRunAsync("produce bounds --max-line-bytes 10", "one\n12345678901\nthree\n");
        Assert.Equal(ExitCode.Failed, byReader.Code);
        Assert.Contains("Line 2 is longer than 10 bytes", byReader.Error, StringComparison.Ordinal);
        Assert.Equal("one\n", await cluster.RunAsync("consume bounds -e"));

        var byTopic = await cluster.TryRunAsync("produce bounds", new string('x', 5000) + "\n");
        Assert.Equal(ExitCode.Failed, byTopic.Code);
        Assert.Contains("1 of 1 records failed; the first, line 1 of standard input: RecordTooLarge", byTopic.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Records_before_an_offset_are_deleted()
    {
        await cluster.RunAsync("topic create trim");
        await cluster.RunAsync("produce trim", "a\nb\nc\n");
        Assert.Equal("trim-0 now begins at offset 2.\n", await cluster.RunAsync("topic delete-records trim --partition 0 --before 2"));
        Assert.Equal("c\n", await cluster.RunAsync("consume trim -e"));
        Assert.Equal("trim-0 now begins at offset 3.\n", await cluster.RunAsync("topic delete-records trim -p 0 --before end"));
    }

    [Fact]
    public async Task Measurements_end_with_a_total()
    {
        await cluster.RunAsync("topic create load -p 2");
        var produced = await cluster.RunAsync("perf produce load -n 5000 -s 50 --keys 10 --json");
        using var total = JsonDocument.Parse(produced.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1]);
        Assert.Equal("total", total.RootElement.GetProperty("kind").GetString());
        Assert.Equal(5000, total.RootElement.GetProperty("records").GetInt64());
        Assert.True(total.RootElement.GetProperty("latencyMs").GetProperty("p99").GetDouble() > 0);
        Assert.Contains("5,000 records consumed in ", await cluster.RunAsync("perf consume load -n 5000"), StringComparison.Ordinal);
        var tooMany = await cluster.TryRunAsync("perf consume load -n 5001 --idle-timeout 100ms");
        Assert.Equal(ExitCode.Failed, tooMany.Code);
        Assert.Contains("Only 5,000 of 5,001 records came", tooMany.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_cluster_has_its_node() =>
        Assert.Contains("\"nodeId\":", await cluster.RunAsync("cluster describe --json"), StringComparison.Ordinal);

    /// <summary>Takes so many bytes (whole writes), and then has gone.</summary>
    private sealed class ClosingStream(int takes) : MemoryStream
    {
        public string Text => Encoding.UTF8.GetString(ToArray());

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (Length >= takes)
                throw new OutputClosedException();
            base.Write(buffer);
        }
    }

    /// <summary>Interrupts the command as soon as it writes.</summary>
    private sealed class CancellingStream(CancellationTokenSource stop) : MemoryStream
    {
        public string Text => Encoding.UTF8.GetString(ToArray());

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            base.Write(buffer);
            stop.Cancel();
        }
    }
}
