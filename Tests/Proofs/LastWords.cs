using System.Globalization;
using Microsoft.Extensions.Logging;

namespace OrleansLog.Tests.Proofs;

/// <summary>Keeps the last messages that were logged, for the report of a failure.</summary>
internal sealed class LastWords : ILogger
{
    private const int Most = 60;
    private readonly Queue<string> _messages = new();

    public IReadOnlyList<string> Messages
    {
        get
        {
            lock (_messages) return [.. _messages];
        }
    }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var message = string.Create(
            CultureInfo.InvariantCulture, $"{DateTime.UtcNow:HH:mm:ss.fff} {logLevel}: {formatter(state, exception)} {exception?.Message}");
        lock (_messages)
        {
            _messages.Enqueue(message);
            if (_messages.Count > Most) _messages.Dequeue();
        }
    }
}
