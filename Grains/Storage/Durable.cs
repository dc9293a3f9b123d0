using System.Runtime.ExceptionServices;
using Orleans.Storage;
using OrleansLog.Records;

namespace OrleansLog.Grains.Storage;

/// <summary>
/// A grain's persistent state, replaced as a whole by compare-and-set. <see cref="Value"/> is what the store holds: a change
/// is seen by nobody before it is durable, and not at all when it fails. Changes queue, so that calls may interleave.
/// Used on the grain's own turns only.
/// </summary>
/// <typeparam name="T">The state: an immutable object.</typeparam>
internal sealed class Durable<T>(IPersistentState<T> storage)
    where T : class, new()
{
    private readonly Gate _changing = new();

    /// <summary>The state as stored; a new object when nothing is.</summary>
    public T Value { get; private set; } = storage.State;

    /// <summary>Whether anything is stored.</summary>
    public bool Exists => storage.RecordExists;

    /// <summary>
    /// Stores what <paramref name="change"/> makes of the state; nothing when that is the same object. Returns the state then.
    /// </summary>
    /// <exception cref="InconsistentStateException">Somebody else changed it: this activation is not the only one. Let it go.</exception>
    /// <exception cref="OrleansLogException">KafkaStorageError: the store failed; it may have carried the change out.</exception>
    public Task<T> UpdateAsync(Func<T, T> change) => _changing.RunAsync(async () =>
    {
        var next = change(Value);
        if (ReferenceEquals(next, Value)) return next;
        storage.State = next;
        try
        {
            await Unwrap(storage.WriteStateAsync());
        }
        catch
        {
            storage.State = Value;
            throw;
        }

        return Value = next;
    });

    /// <summary>Reads the state anew, for when somebody else may have changed it.</summary>
    /// <exception cref="OrleansLogException">KafkaStorageError: the store failed.</exception>
    public Task<T> RefreshAsync() => _changing.RunAsync(async () =>
    {
        await Unwrap(storage.ReadStateAsync());
        return Value = storage.State;
    });

    /// <summary>Removes what is stored; the state is a new object then.</summary>
    /// <exception cref="InconsistentStateException">See <see cref="UpdateAsync"/>.</exception>
    /// <exception cref="OrleansLogException">See <see cref="UpdateAsync"/>.</exception>
    public Task ClearAsync() => _changing.RunAsync(async () =>
    {
        await Unwrap(storage.ClearStateAsync());
        Value = storage.State = new T();
    });

    // Orleans wraps what a storage throws, unless it is its own.
    private static async Task Unwrap(Task operation)
    {
        try
        {
            await operation;
        }
        catch (OrleansException e) when (e.InnerException is OrleansLogException inner)
        {
            ExceptionDispatchInfo.Throw(inner);
        }
    }
}
