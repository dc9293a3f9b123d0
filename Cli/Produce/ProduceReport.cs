using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Rendering;
using OrleansLog.Records;

namespace OrleansLog.Cli.Produce;

/// <summary>Tells how producing ended.</summary>
internal static class ProduceReport
{
    /// <summary>Writes the summary and, where there are any, the failures.</summary>
    /// <returns>The exit code.</returns>
    public static int Write(CommandRun run, ProduceResult result)
    {
        if (run.Settings.Json)
            WriteJson(run, result);
        else
            run.Error.WriteLine(Summary(result));
        if (result.LinesWithoutKey > 0 && !run.Settings.Json)
            run.Error.WriteLine($"{Quantity.Count(result.LinesWithoutKey)} lines had no key where one was looked for, and went without.");
        foreach (var failure in Failures(result))
            run.Error.WriteLine($"orleanslog: {failure}");
        if (run.Settings.Verbose && (result.FirstFailure ?? result.InputError) is { } exception)
            run.Error.WriteLine(exception.ToString());
        return ExitCodeOf(result);
    }

    /// <summary>"1,000,000 records, 88.1 MB in 1.7 s: 588,235 records/s, 51.8 MB/s".</summary>
    public static string Summary(ProduceResult result)
    {
        var seconds = Math.Max(result.Elapsed.TotalSeconds, 0.000_001);
        return $"{Quantity.Count(result.Delivered)} records, {Quantity.Bytes(result.BytesRead)} in {Quantity.Duration(result.Elapsed)}: " +
            $"{Quantity.Count(result.Delivered / seconds)} records/s, {Quantity.Bytes(result.BytesRead / seconds)}/s";
    }

    /// <summary>What went wrong, a line each.</summary>
    public static IEnumerable<string> Failures(ProduceResult result)
    {
        if (result.FirstFailure is { } failure)
        {
            var error = failure is OrleansLogException known ? known.Error : ErrorCode.UnknownServerError;
            yield return $"{Quantity.Count(result.Failed)} of {Quantity.Count(result.Lines)} records failed; the first, " +
                $"{result.FirstFailedPlace}: {error}: {failure.Message.ReplaceLineEndings(" ")}";
        }

        if (result.Unknown > 0)
            yield return $"{Quantity.Count(result.Unknown)} records were sent and not answered in time; they may or may not be stored.";
        if (result.InputError is { } input)
            yield return $"Stopped after {Quantity.Count(result.Lines)} lines: {input.Message}";
        if (result.Interrupted)
            yield return $"Interrupted after {Quantity.Count(result.Lines)} lines.";
    }

    private static int ExitCodeOf(ProduceResult result) => result switch
    {
        { FirstFailure: not null } or { InputError: not null } => ExitCode.Failed,
        { Interrupted: true } => ExitCode.Interrupted,
        { Unknown: > 0 } => ExitCode.Failed,
        _ => ExitCode.Ok,
    };

    private static void WriteJson(CommandRun run, ProduceResult result) => run.WriteJson(json =>
    {
        json.WriteStartObject();
        json.WriteNumber("lines", result.Lines);
        json.WriteNumber("bytes", result.BytesRead);
        json.WriteNumber("delivered", result.Delivered);
        json.WriteNumber("failed", result.Failed);
        json.WriteNumber("unknown", result.Unknown);
        json.WriteNumber("withoutKey", result.LinesWithoutKey);
        json.WriteBoolean("interrupted", result.Interrupted);
        json.WriteNumber("seconds", Math.Round(result.Elapsed.TotalSeconds, 3));
        if (result.FirstFailure is not null)
        {
            json.WriteString("firstFailure", result.FirstFailure.Message);
            json.WriteString("firstFailedAt", result.FirstFailedPlace);
        }

        json.WriteEndObject();
    });
}
