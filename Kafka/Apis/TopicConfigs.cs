using System.Collections.Frozen;
using System.Globalization;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Kafka.Apis;

/// <summary>Configurations as the admin requests tell them; the numbers are Kafka's.</summary>
internal static class TopicConfigs
{
    private static readonly FrozenSet<string> Ints = FrozenSet.Create(
        StringComparer.Ordinal,
        "index.interval.bytes", "max.message.bytes", "min.insync.replicas", "segment.bytes", "segment.index.bytes");

    private static readonly FrozenSet<string> Lists = FrozenSet.Create(StringComparer.Ordinal, "cleanup.policy", "log.dirs");

    /// <summary>Where a value comes from.</summary>
    public enum Source
    {
        /// <summary>The topic itself.</summary>
        Topic = 1,
        /// <summary>The settings of the silo.</summary>
        StaticBroker = 4,
        /// <summary>The default of the cluster.</summary>
        Default = 5,
    }

    /// <summary>The type of a value.</summary>
    public enum ValueType
    {
        /// <summary>true or false.</summary>
        Boolean = 1,
        /// <summary>Words.</summary>
        String = 2,
        /// <summary>A 32-bit number.</summary>
        Int = 3,
        /// <summary>A 64-bit number.</summary>
        Long = 5,
        /// <summary>A number with a point.</summary>
        Double = 6,
        /// <summary>Words with commas between.</summary>
        List = 7,
    }

    /// <summary>Where the topic's value comes from.</summary>
    public static Source SourceOf(TopicDescription topic, string name) =>
        topic.Overrides.ContainsKey(name) ? Source.Topic : Source.Default;

    /// <summary>The type of a configuration, as its name or its value tells.</summary>
    public static ValueType TypeOf(string name, string value)
    {
        if (Ints.Contains(name)) return ValueType.Int;
        if (Lists.Contains(name)) return ValueType.List;
        if (bool.TryParse(value, out _)) return ValueType.Boolean;
        if (long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)) return ValueType.Long;
        return double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _) ? ValueType.Double : ValueType.String;
    }

    /// <summary>Whether a configuration is a list, to which values can be added.</summary>
    public static bool IsList(string name) => Lists.Contains(name);
}
