namespace OrleansLog.Records;

/// <summary>A header of a record: a name and a value that may be absent. Names need not be unique, and order is kept.</summary>
public readonly record struct RecordHeader
{
    /// <summary>Makes a header with a value, which may be empty. The memory is not copied.</summary>
    /// <exception cref="ArgumentNullException">The key is null.</exception>
    public RecordHeader(string key, ReadOnlyMemory<byte> value) : this(key, value, hasValue: true) { }

    /// <summary>Makes a header; <paramref name="value"/> is ignored without <paramref name="hasValue"/>.</summary>
    /// <exception cref="ArgumentNullException">The key is null.</exception>
    public RecordHeader(string key, ReadOnlyMemory<byte> value, bool hasValue)
    {
        ArgumentNullException.ThrowIfNull(key);
        Key = key;
        Value = hasValue ? value : default;
        HasValue = hasValue;
    }

    /// <summary>The name.</summary>
    public string Key { get; }

    /// <summary>The value; empty without one. Valid as long as the memory it was made from or read from.</summary>
    public ReadOnlyMemory<byte> Value { get; }

    /// <summary>Whether there is a value, be it empty.</summary>
    public bool HasValue { get; }
}
