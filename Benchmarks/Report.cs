using System.Globalization;

namespace OrleansLog.Benchmarks;

/// <summary>Prints a figure beside the baseline of the same run, the ratio of the two, and the target.</summary>
internal sealed class Report(TextWriter output)
{
    public void Title(string text)
    {
        output.WriteLine();
        output.WriteLine($"## {text}");
        output.WriteLine();
        output.WriteLine("| what | figure | baseline | ratio | target | reached |");
        output.WriteLine("| --- | --- | --- | --- | --- | --- |");
    }

    /// <summary>A figure judged by its ratio to a baseline.</summary>
    public void Ratio(string what, double figure, double baseline, string unit, double targetRatio, bool atMost = false)
    {
        var ratio = figure / baseline;
        Row(what, Number(figure, unit), Number(baseline, unit), Format(ratio) + " ×",
            (atMost ? "≤ " : "≥ ") + Format(targetRatio) + " ×", atMost ? ratio <= targetRatio : ratio >= targetRatio);
    }

    /// <summary>A figure judged by itself; its ratio to the baseline is told beside it.</summary>
    public void Figure(string what, double figure, string unit, double target, double baseline = double.NaN, bool atMost = false) =>
        Row(what, Number(figure, unit), double.IsNaN(baseline) ? "" : Number(baseline, unit),
            double.IsNaN(baseline) ? "" : Format(figure / baseline) + " ×",
            (atMost ? "≤ " : "≥ ") + Number(target, unit), atMost ? figure <= target : figure >= target);

    /// <summary>A figure that is only told.</summary>
    public void Tell(string what, double figure, string unit) =>
        output.WriteLine($"| {what} | {Number(figure, unit)} | | | | |");

    public void Note(string text) => output.WriteLine($"- {text}");

    private void Row(string what, string figure, string baseline, string ratio, string target, bool reached) =>
        output.WriteLine($"| {what} | {figure} | {baseline} | {ratio} | {target} | {(reached ? "yes" : "NO")} |");

    private static string Number(double value, string unit) => Format(value) + " " + unit;

    private static string Format(double value) => Math.Abs(value) switch
    {
        >= 100_000 => value.ToString("N0", CultureInfo.InvariantCulture),
        >= 100 => value.ToString("F0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("F1", CultureInfo.InvariantCulture),
        _ => value.ToString("F2", CultureInfo.InvariantCulture),
    };
}
