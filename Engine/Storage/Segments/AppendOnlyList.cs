namespace OrleansLog.Engine.Storage;

/// <summary>
/// A growing array with one writer at a time and any number of readers without a lock: an entry is written before the count
/// that covers it is published, and is never changed afterwards.
/// </summary>
internal sealed class AppendOnlyList<T> where T : struct
{
    private const int FirstCapacity = 16;
    private T[] _items;
    private int _count;

    public AppendOnlyList() => _items = [];

    /// <summary>Takes the array over; all of it counts.</summary>
    public AppendOnlyList(T[] items)
    {
        _items = items;
        _count = items.Length;
    }

    public int Count => Volatile.Read(ref _count);

    /// <summary>The entries that were there at the time of the call.</summary>
    public ReadOnlySpan<T> Entries
    {
        get
        {
            // The count first: the array read after it is at least as long.
            var count = Volatile.Read(ref _count);
            return Volatile.Read(ref _items).AsSpan(0, count);
        }
    }

    public void Add(in T item)
    {
        var items = _items;
        if (_count == items.Length)
        {
            Array.Resize(ref items, Math.Max(FirstCapacity, items.Length * 2));
            Volatile.Write(ref _items, items);
        }

        items[_count] = item;
        Volatile.Write(ref _count, _count + 1);
    }
}
