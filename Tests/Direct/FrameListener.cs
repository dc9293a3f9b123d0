using System.Threading.Channels;
using OrleansLog.Grains.Interfaces.Transport.Direct;

namespace OrleansLog.Tests.Direct;

/// <summary>Keeps what a connection receives, and holds it up on demand.</summary>
internal sealed class FrameListener : IFrameHandler
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private readonly Channel<(byte[] Frame, bool IsLast)> _frames = Channel.CreateUnbounded<(byte[], bool)>();
    private readonly TaskCompletionSource<Exception> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>While it is not set, nothing more is received.</summary>
    public ManualResetEventSlim Goes { get; } = new(initialState: true);

    /// <summary>Why the connection ended.</summary>
    public Task<Exception> Closed => _closed.Task.WaitAsync(s_patience);

    public Func<ReadOnlyMemory<byte>, Exception?>? Fails { get; init; }

    public async Task<(byte[] Frame, bool IsLast)> NextAsync() => await _frames.Reader.ReadAsync().AsTask().WaitAsync(s_patience);

    public void OnFrame(ReadOnlyMemory<byte> frame, bool isLast)
    {
        Goes.Wait(s_patience);
        if (Fails?.Invoke(frame) is { } failure) throw failure;
        _frames.Writer.TryWrite((frame.ToArray(), isLast));
    }

    public void OnClosed(Exception reason) => _closed.TrySetResult(reason);
}
