using OrleansLog.Cli.Perf;
using Xunit;

namespace OrleansLog.Tests.Cli;

public sealed class LatencyHistogramTests
{
    [Fact]
    public void Percentiles_are_true_to_a_thousandth()
    {
        var random = new Random(1);
        var values = Enumerable.Range(0, 100_000).Select(_ => (long)Math.Exp(random.NextDouble() * 24)).ToArray();
        var histogram = new LatencyHistogram();
        foreach (var value in values)
            histogram.Record(value);
        Array.Sort(values);
        foreach (var percentile in new[] { 0.001, 1, 25, 50, 90, 99, 99.9, 100 })
        {
            var exact = values[Math.Max(1, (int)Math.Ceiling(values.Length * percentile / 100)) - 1];
            Assert.InRange(histogram.ValueAt(percentile), exact, exact + exact / 1000);
        }

        Assert.Equal(values[^1], histogram.Max);
    }

    [Fact]
    public void Small_durations_are_counted_exactly()
    {
        var histogram = new LatencyHistogram();
        for (var i = 0; i < 2048; i++)
            histogram.Record(i);
        for (var i = 0; i < 2048; i++)
            Assert.Equal(i, histogram.ValueAt((i + 1) * 100.0 / 2048));
    }

    [Fact]
    public void Durations_out_of_bounds_are_counted_at_the_bound()
    {
        var histogram = new LatencyHistogram();
        histogram.Record(-5);
        Assert.Equal(0, histogram.ValueAt(100));
        histogram.Record(long.MaxValue);
        Assert.Equal(LatencyHistogram.MaxValue, histogram.ValueAt(100));
        Assert.Equal(2, histogram.Count);
    }

    [Fact]
    public void An_empty_one_answers_zero_and_adding_adds()
    {
        var left = new LatencyHistogram();
        Assert.Equal(0, left.ValueAt(99));
        var right = new LatencyHistogram();
        right.Record(10);
        left.Record(5);
        left.Add(right);
        Assert.Equal((2, 10, 5), (left.Count, left.ValueAt(100), left.ValueAt(50)));
        left.Reset();
        Assert.Equal((0, 0), (left.Count, left.Max));
    }
}
