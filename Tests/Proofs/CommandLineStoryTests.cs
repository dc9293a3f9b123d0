using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using OrleansLog.Client;
using OrleansLog.Records;
using OrleansLog.Tests.Processes;
using Xunit;
using Xunit.Abstractions;

namespace OrleansLog.Tests.Proofs;

/// <summary>The user's whole story, by the silo and the command as the user starts them.</summary>
[Collection(ProcessCollection.Name)]
public sealed class CommandLineStoryTests(ITestOutputHelper output)
{
    private const string Topic = "files";
    private const int Partitions = 6;
    private static readonly string[] Printed = ["--print-partition", "--print-offset", "--print-key"];
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private readonly ProofReport _report = new(output);

    [Fact]
    public async Task Each_line_of_a_file_arrives_once_in_a_group_of_two_and_in_the_order_of_its_key()
    {
        var lines = ProofSettings.Lines;
        using var directory = new TemporaryDirectory();
        await using var silo = await SiloProcess.StartAsync(SiloSetup.In(directory["data"]));
        await using var client = await silo.ConnectAsync();
        PathLines.Write(directory["lines"], lines);
        _report.Write($"command line: {lines:N0} lines, {new FileInfo(directory["lines"]).Length / 1e6:N0} MB, into {Partitions} partitions");
        await RunAsync(silo, "topic", "create", Topic, "--partitions", "6");

        await TailWhileProducingAsync(silo, client, directory, lines);
        await ReadWhatIsThereAsync(silo, directory, lines);
    }

    /// <summary>Two members wait for the lines that are then produced.</summary>
    private async Task TailWhileProducingAsync(SiloProcess silo, OrleansLogClient client, TemporaryDirectory directory, int lines)
    {
        const string Group = "tailing";
        await using var first = Consume(silo, Group, directory["tail-1"], "--from-beginning");
        await using var second = Consume(silo, Group, directory["tail-2"], "--from-beginning");
        await PollAsync(
            async () => (await client.Admin.DescribeGroupAsync(Group)).Members is { Count: 2 } members
                && members.All(static member => member.Assignment.Count == Partitions / 2),
            "both members to have half of the partitions");

        var start = Stopwatch.GetTimestamp();
        var produced = await RunAsync(silo, "produce", Topic, directory["lines"], "--key-separator", "\\t", "--json");
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        using (var report = JsonDocument.Parse(produced.Output))
        {
            Assert.Equal(lines, report.RootElement.GetProperty("delivered").GetInt64());
            var inside = report.RootElement.GetProperty("seconds").GetDouble();
            _report.Write($"  produced in {seconds:0.0} s with the start of the command, {inside:0.0} s without: {lines / inside:N0} records/s");
        }

        await PollAsync(
            async () => await client.Admin.ListGroupOffsetsAsync(Group) is { Count: Partitions } offsets
                && offsets.Sum(static offset => offset.Offset) == lines && offsets.All(static offset => offset.Lag == 0),
            "the group to have read everything");
        _report.Write($"  read by both members {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s after producing began");
        await ExpectNoLagAsync(silo, Group, lines);

        first.Interrupt();
        second.Interrupt();
        Assert.Equal(130, await first.WaitForExitAsync(Limit));
        Assert.Equal(130, await second.WaitForExitAsync(Limit));
        var counts = Check(lines, directory["tail-1"], directory["tail-2"]);
        Assert.All(counts, static count => Assert.True(count > 0, "A member read nothing."));
        _report.Write($"  the members read {counts[0]:N0} and {counts[1]:N0} lines, each line once, in the order of their keys");
    }

    /// <summary>Two members start at once on what is there; partitions change hands while they read.</summary>
    private async Task ReadWhatIsThereAsync(SiloProcess silo, TemporaryDirectory directory, int lines)
    {
        const string Group = "reading";
        var start = Stopwatch.GetTimestamp();
        await using var first = Consume(silo, Group, directory["read-1"], "--from-beginning", "--until-end");
        await using var second = Consume(silo, Group, directory["read-2"], "--from-beginning", "--until-end");
        Assert.Equal(0, await ExitAsync(first));
        Assert.Equal(0, await ExitAsync(second));
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var counts = Check(lines, directory["read-1"], directory["read-2"]);
        _report.Write($"  read again by two members that start at once, {counts[0]:N0} and {counts[1]:N0} lines, in {seconds:0.0} s");
        await ExpectNoLagAsync(silo, Group, lines);
    }

    private static ChildProcess Consume(SiloProcess silo, string group, string path, params string[] options) =>
        CliProcess.Start(silo.Setup, ["consume", Topic, "--group", group, .. Printed, .. options], File.Create(path));

    private static async Task<int> ExitAsync(ChildProcess process)
    {
        var code = await process.WaitForExitAsync(Limit);
        Assert.True(code == 0, process.Describe());
        return code;
    }

    private static int[] Check(int lines, params string[] outputs)
    {
        var check = new PathLinesCheck(lines, Partitions);
        int[] counts = [.. outputs.Select(check.Add)];
        check.Finish();
        return counts;
    }

    private static async Task ExpectNoLagAsync(SiloProcess silo, string group, int lines)
    {
        var described = await RunAsync(silo, "group", "describe", group, "--json");
        using var json = JsonDocument.Parse(described.Output);
        Assert.Equal(0, json.RootElement.GetProperty("lag").GetInt64());
        var committed = json.RootElement.GetProperty("partitions").EnumerateArray()
            .Sum(static partition => partition.GetProperty("committedOffset").GetInt64());
        Assert.Equal(lines, committed);
    }

    private static async Task<CliResult> RunAsync(SiloProcess silo, params string[] arguments)
    {
        var result = await CliProcess.RunAsync(silo.Setup, arguments, "", Limit);
        Assert.True(result.ExitCode == 0, $"orleanslog {string.Join(' ', arguments)}: {result}");
        return result;
    }

    /// <summary>Nothing tells from outside how far a group is: it has to be asked.</summary>
    private static async Task PollAsync(Func<Task<bool>> holds, string what)
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                if (await holds()) return;
            }
            catch (OrleansLogException e) when (e.Error == ErrorCode.GroupIdNotFound)
            {
                // The first member has not joined yet.
            }

            if (Stopwatch.GetElapsedTime(start) > Limit)
                throw new TimeoutException(string.Create(CultureInfo.InvariantCulture, $"Waited {Limit} in vain for {what}."));
            await Task.Delay(50);
        }
    }
}
