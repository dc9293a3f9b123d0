using System.Collections;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using OrleansLog.Engine.Storage;

namespace OrleansLog.Silo;

/// <summary>Finds settings that no options class has a property for.</summary>
internal static class SettingNames
{
    /// <summary>Checks the names in a section, and in those below it, against the properties of the options bound from it.</summary>
    /// <param name="section">The section.</param>
    /// <param name="options">The types of the options bound from it.</param>
    /// <param name="subsections">The types of options that are bound from sections below it by themselves, by their names.</param>
    /// <exception cref="StartupException">A setting is unknown; the message names the nearest one.</exception>
    public static void Check(
        IConfigurationSection section, IEnumerable<Type> options, IEnumerable<KeyValuePair<string, Type>> subsections)
    {
        var known = options
            .SelectMany(type => type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
            .Select(property => KeyValuePair.Create(property.Name, property.PropertyType))
            .Concat(subsections)
            .ToDictionary(StringComparer.OrdinalIgnoreCase);
        foreach (var child in section.GetChildren())
        {
            if (!known.TryGetValue(child.Key, out var type)) throw Unknown(child, known.Keys);
            // The keys of a dictionary are the user's own, or checked by whoever reads them.
            if (IsSection(type)) Check(child, [type], []);
        }
    }

    private static bool IsSection(Type type) =>
        type.IsClass && type != typeof(string) && !typeof(IEnumerable).IsAssignableFrom(type);

    private static StartupException Unknown(IConfigurationSection child, IEnumerable<string> known)
    {
        var names = known.Order(StringComparer.Ordinal).ToArray();
        // An abbreviation is nearer to what it abbreviates than to a short name with other letters.
        var nearest = names.FirstOrDefault(name => name.StartsWith(child.Key, StringComparison.OrdinalIgnoreCase))
            ?? names.MinBy(name => EditDistance.Between(name.ToUpperInvariant(), child.Key.ToUpperInvariant()))!;
        var parent = child.Path[..^child.Key.Length];
        return new StartupException(
            $"Unknown setting '{child.Path}'; did you mean '{parent}{nearest}'? There are: {string.Join(", ", names)}.");
    }
}
