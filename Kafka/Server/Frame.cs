using System.Buffers;

namespace OrleansLog.Kafka.Server;

/// <summary>One request as it came, without its size prefix, in memory of the shared pool. Not thread-safe.</summary>
internal sealed class Frame(byte[] rented, int length, ByteBudget budget) : IDisposable
{
    private byte[]? _rented = rented;

    /// <summary>The bytes.</summary>
    public Memory<byte> Memory => _rented.AsMemory(0, length);

    /// <summary>How many there are.</summary>
    public int Length => length;

    /// <summary>Gives the memory up without returning it to the pool: somebody may still read it.</summary>
    public void Abandon()
    {
        if (Interlocked.Exchange(ref _rented, null) is not null) budget.Leave(length);
    }

    /// <summary>Returns the memory.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _rented, null) is not { } array) return;
        ArrayPool<byte>.Shared.Return(array);
        budget.Leave(length);
    }
}
