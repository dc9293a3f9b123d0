using OrleansLog.Cli.Input;
using OrleansLog.Cli.Parsing;
using OrleansLog.Records;

namespace OrleansLog.Cli.Hosting;

/// <summary>What a failure means to the shell, and to the person in front of it: one line.</summary>
internal static class Failures
{
    /// <summary>The exit code for a failure and the line to print; null to print nothing.</summary>
    public static (int Code, string? Message) Describe(Exception exception, GlobalSettings settings, bool interrupted) => exception switch
    {
        OperationCanceledException when interrupted => (ExitCode.Interrupted, null),
        UnreachableException => (ExitCode.Unreachable, exception.Message),
        UsageException => (ExitCode.Usage, exception.Message),
        OrleansLogException { Error: ErrorCode.NetworkException or ErrorCode.RequestTimedOut } e =>
            (ExitCode.Failed, $"{e.Error}: {e.Message} (at {settings.BootstrapText})"),
        OrleansLogException e => (ExitCode.Failed, $"{e.Error}: {OneLine(e.Message)}"),
        LineTooLongException => (ExitCode.Failed, $"{nameof(ErrorCode.RecordTooLarge)}: {exception.Message}"),
        TimeoutException => (ExitCode.Failed, $"{nameof(ErrorCode.RequestTimedOut)}: {OneLine(exception.Message)}"),
        ArgumentException { ParamName: not null } => (ExitCode.Usage, OneLine(exception.Message)),
        IOException or UnauthorizedAccessException => (ExitCode.Failed, OneLine(exception.Message)),
        OperationCanceledException => (ExitCode.Failed, $"{nameof(ErrorCode.RequestTimedOut)}: gave up after {settings.RequestTimeout}."),
        _ => (ExitCode.Failed,
            $"{nameof(ErrorCode.UnknownServerError)}: {OneLine(exception.Message)} ({exception.GetType().Name}; --verbose shows where)"),
    };

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();
}
