using Microsoft.Extensions.Logging;

namespace OrleansLog.Cli.Hosting;

/// <summary>Writes what the client logs to standard error, a line each; for <c>--verbose</c>.</summary>
internal sealed class ErrorLog(TextWriter error) : ILoggerProvider
{
    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new Logger(categoryName, error);

    /// <inheritdoc/>
    public void Dispose() { }

    private sealed class Logger(string category, TextWriter error) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                error.WriteLine($"{logLevel}: {category}: {formatter(state, exception)} {exception}");
        }
    }
}
