namespace OrleansLog.Engine.Groups.Classic;

/// <summary>
/// An answer that may have to wait for what other members do. It is given once: within the call that asked for it, or within
/// a later call of the coordinator. It holds when the records of the call that gave it are durable. Not thread-safe.
/// </summary>
/// <typeparam name="T">The answer.</typeparam>
public sealed class Pending<T>
    where T : class
{
    private Action<T>? _observer;

    /// <summary>The answer; null while it is not there.</summary>
    public T? Response { get; private set; }

    /// <summary>Makes an answer that is there.</summary>
    internal static Pending<T> Of(T response) => new() { Response = response };

    /// <summary>Calls <paramref name="observer"/> with the answer: at once if it is there, else within the call of the coordinator
    /// that gives it. It must not call the coordinator.</summary>
    public void WhenGiven(Action<T> observer)
    {
        ArgumentNullException.ThrowIfNull(observer);
        if (Response is { } response) observer(response);
        else _observer += observer;
    }

    /// <summary>Gives the answer.</summary>
    internal void Give(T response)
    {
        if (Response is not null) throw new InvalidOperationException("The answer was given before.");
        Response = response;
        _observer?.Invoke(response);
    }
}
