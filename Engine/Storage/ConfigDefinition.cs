namespace OrleansLog.Engine.Storage;

/// <summary>The type of a configuration's value.</summary>
public enum ConfigType
{
    /// <summary><c>true</c> or <c>false</c>.</summary>
    Boolean = 0,
    /// <summary>A 32-bit number.</summary>
    Int = 1,
    /// <summary>A 64-bit number.</summary>
    Long = 2,
    /// <summary>A floating-point number with a point.</summary>
    Double = 3,
    /// <summary>One of a few words.</summary>
    String = 4,
    /// <summary>Some of a few words, with commas between.</summary>
    List = 5,
}

/// <summary>One configuration of a topic: what it is called, what it takes and what it means.</summary>
public sealed class ConfigDefinition
{
    private readonly Func<LogConfig, string> _format;
    private readonly Func<LogConfig, string, LogConfig> _apply;

    internal ConfigDefinition(
        string name,
        ConfigType type,
        string bounds,
        string documentation,
        Func<LogConfig, string> format,
        Func<LogConfig, string, LogConfig> apply)
    {
        (Name, Type, Bounds, Documentation, _format, _apply) = (name, type, bounds, documentation, format, apply);
        Default = format(new LogConfig());
    }

    /// <summary>Kafka's name of it.</summary>
    public string Name { get; }

    /// <summary>The type of its value.</summary>
    public ConfigType Type { get; }

    /// <summary>The value of a topic that does not set it.</summary>
    public string Default { get; }

    /// <summary>Which values it takes, for people.</summary>
    public string Bounds { get; }

    /// <summary>What it does, in a sentence.</summary>
    public string Documentation { get; }

    /// <summary>The value that <paramref name="config"/> has.</summary>
    public string Format(LogConfig config) => _format(config);

    /// <summary><paramref name="config"/> with this value; a <see cref="FormatException"/> when it is out of bounds.</summary>
    internal LogConfig Apply(LogConfig config, string value) => _apply(config, value);
}
