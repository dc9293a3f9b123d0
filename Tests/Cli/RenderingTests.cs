using OrleansLog.Cli.Groups;
using OrleansLog.Cli.Perf;
using OrleansLog.Cli.Produce;
using OrleansLog.Cli.Rendering;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Cli;

public sealed class RenderingTests
{
    [Fact]
    public void Elsewhere_than_on_a_terminal_a_table_is_plain_columns_a_row_a_line()
    {
        var table = new Table("topic", "partitions#") { Title = "All" };
        table.Add("a", "6").Add(new string('b', 300), "12");
        var lines = Write(table, isTerminal: false).Split('\n');
        Assert.Equal("All", lines[0]);
        Assert.Equal("TOPIC" + new string(' ', 297) + "PARTITIONS", lines[1]);
        Assert.EndsWith("  " + "         6", lines[2], StringComparison.Ordinal);
        Assert.Equal(5, lines.Length);
        Assert.DoesNotContain('\u001b', Write(table, isTerminal: false));
    }

    [Fact]
    public void On_a_terminal_it_is_drawn_and_markup_in_cells_is_text()
    {
        var drawn = Write(new Table("a", "b#").Add("[red]x[/]", "1"), isTerminal: true);
        Assert.Contains("[red]x[/]", drawn, StringComparison.Ordinal);
        Assert.Contains('╭', drawn);
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(999, "999 B")]
    [InlineData(1000, "1 kB")]
    [InlineData(1_234_567, "1.2 MB")]
    [InlineData(999_960, "1 MB")]
    [InlineData(5e15, "5 PB")]
    public void Bytes_are_rounded(double bytes, string expected) => Assert.Equal(expected, Quantity.Bytes(bytes));

    [Theory]
    [InlineData(0.85, "850 ms")]
    [InlineData(12.34, "12.3 s")]
    [InlineData(185, "3:05 min")]
    [InlineData(3725, "1:02:05 h")]
    public void Durations_are_rounded(double seconds, string expected) =>
        Assert.Equal(expected, Quantity.Duration(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void Progress_shows_a_bar_the_rate_and_what_is_left()
    {
        var line = ProgressLine.Format(
            new ProgressState(500, 50_000, 50, 100), new ProgressState(400, 40_000, 40, 100), TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(10));
        Assert.Equal("[###############...............]  50 %  500 records  200/s  20 kB/s  10.0 s left", line);
        Assert.Equal(
            "500 records  1,000/s  100 kB/s",
            ProgressLine.Format(new ProgressState(500, 50_000, 50, null), default, TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void Partitions_are_written_as_runs()
    {
        Assert.Equal("-", PartitionText.Of([]));
        Assert.Equal(
            "a:0-2,5 b:1",
            PartitionText.Of([new("b", 1), new("a", 5), new("a", 1), new("a", 0), new("a", 2)]));
    }

    [Fact]
    public void A_failed_production_names_how_many_and_the_first()
    {
        var result = new ProduceResult(
            10, 1000, 7, 3, 0, 0, new OrleansLogException(ErrorCode.RecordTooLarge, "too\nlarge"), "line 4 of x.txt", null, false, TimeSpan.FromSeconds(2));
        Assert.Equal(["3 of 10 records failed; the first, line 4 of x.txt: RecordTooLarge: too large"], ProduceReport.Failures(result));
        Assert.Equal("7 records, 1 kB in 2.0 s: 4 records/s, 500 B/s", ProduceReport.Summary(result));
    }

    [Fact]
    public void A_measurement_has_its_percentiles()
    {
        var latency = new LatencyHistogram();
        for (var i = 1; i <= 1000; i++)
            latency.Record(i * 1000);
        Assert.Equal(
            "500 records/s, 50 kB/s, latency p50 500 ms, p95 950 ms, p99 990 ms, p99.9 999 ms, max 1.00 s",
            PerfReport.Line(new PerfSample(1000, 100_000, TimeSpan.FromSeconds(2), latency)));
    }

    private static string Write(Table table, bool isTerminal)
    {
        using var output = new StringWriter { NewLine = "\n" };
        TableWriter.Write(table, output, isTerminal, 100);
        return output.ToString();
    }
}
