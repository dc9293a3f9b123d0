using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Silo;
using Xunit;

namespace OrleansLog.Tests.Silo;

/// <summary>What the silo's executable prints of the lines of the runtime it is built on.</summary>
public sealed class QuietStartTests
{
    private readonly Sink _sink = new();
    private readonly StartupProgress _progress = new();
    private readonly LoggerFilterOptions _filters = new();

    private static Exception Failure => Thrown(new InvalidOperationException(
        "Sending failed: Some.Exception: refused\n   at Elsewhere.Far()", Thrown(new IOException("Connection refused"))));

    [Fact]
    public void Before_the_start_nothing_of_the_runtime_is_printed_and_all_of_the_log_itself()
    {
        Log("Orleans.Runtime.Thing", LogLevel.Error, "noise", Failure);
        Log("OrleansLog.Grains.Thing", LogLevel.Warning, "ours", Failure);
        var line = Assert.Single(_sink.Lines);
        Assert.Contains("ours", line, StringComparison.Ordinal);
        Assert.Contains("   at ", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_warning_of_the_runtime_names_what_was_caused_by_what_without_stack_traces()
    {
        _progress.IsStarted = true;
        Log("Orleans.Runtime.Thing", LogLevel.Warning, "It was not reached: Some.Exception\n   at Elsewhere.Far()", Failure);
        Assert.Equal(
            ["It was not reached: Some.Exception", "InvalidOperationException: Sending failed: Some.Exception: refused", "IOException: Connection refused"],
            Assert.Single(_sink.Lines).Split(Environment.NewLine));
    }

    [Fact]
    public void Its_errors_and_what_is_logged_in_detail_keep_their_stack_traces()
    {
        _progress.IsStarted = true;
        Log("Orleans.Runtime.Thing", LogLevel.Error, "defect", Failure);
        _filters.Rules.Add(new LoggerFilterRule(null, "Orleans.Runtime", LogLevel.Debug, null));
        Log("Orleans.Runtime.Thing", LogLevel.Warning, "detail", Failure);
        Log("Other.Thing", LogLevel.Warning, "short", Failure);
        Assert.Equal(3, _sink.Lines.Count);
        Assert.Contains("   at ", _sink.Lines[0], StringComparison.Ordinal);
        Assert.Contains("   at ", _sink.Lines[1], StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", _sink.Lines[2], StringComparison.Ordinal);
    }

    private static Exception Thrown(Exception exception)
    {
        try
        {
            throw exception;
        }
        catch (Exception caught) when (ReferenceEquals(caught, exception))
        {
            return caught;
        }
    }

    private void Log(string category, LogLevel level, string message, Exception exception)
    {
        using var provider = new QuietStart(_sink, _progress, Options.Create(_filters));
        provider.CreateLogger(category).Log(level, default, message, exception, static (text, _) => text);
    }

    private sealed class Sink : ILoggerProvider, ILogger
    {
        public List<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add(formatter(state, exception) + exception);

        public void Dispose()
        {
        }
    }
}
