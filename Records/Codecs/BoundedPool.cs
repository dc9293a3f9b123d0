using System.Collections.Concurrent;

namespace OrleansLog.Records.Codecs;

/// <summary>
/// Keeps up to a few idle instances of something costly to make; what is returned beyond that is disposed. Thread-safe.
/// </summary>
internal sealed class BoundedPool<T>(Func<T> make) where T : class, IDisposable
{
    // No more can be in use at once than there are threads running; a few more idle ones would only hold memory.
    private static readonly int MaxIdle = Math.Clamp(Environment.ProcessorCount, 2, 32);
    private readonly ConcurrentQueue<T> _idle = new();
    private int _count;

    public T Rent()
    {
        if (!_idle.TryDequeue(out var item)) return make();
        Interlocked.Decrement(ref _count);
        return item;
    }

    public void Return(T item)
    {
        if (Interlocked.Increment(ref _count) <= MaxIdle)
        {
            _idle.Enqueue(item);
            return;
        }

        Interlocked.Decrement(ref _count);
        item.Dispose();
    }
}
