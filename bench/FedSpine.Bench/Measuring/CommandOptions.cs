using System.Globalization;
using FedSpine.Engine;

namespace FedSpine.Bench.Measuring;

/// <summary>Options of a command, read strictly: "--name value", "--flag", and what is left are operands.</summary>
internal sealed class CommandOptions
{
    private readonly Dictionary<string, string?> _values = new(StringComparer.Ordinal);

    /// <param name="valued">Names that take a value.</param>
    /// <param name="flags">Names that take none.</param>
    /// <param name="operands">How many operands the command takes.</param>
    /// <exception cref="InputException">An option is unknown, lacks its value, or the operands are too many or too few.</exception>
    public CommandOptions(IEnumerable<string> arguments, string[] valued, string[] flags, int operands = 0)
    {
        var rest = new Queue<string>(arguments);
        var found = new List<string>();
        while (rest.TryDequeue(out string? name))
        {
            if (flags.Contains(name))
                _values[name] = null;
            else if (valued.Contains(name))
                _values[name] = rest.TryDequeue(out string? value) ? value : throw new InputException($"{name} needs a value");
            else if (!name.StartsWith('-') && found.Count < operands)
                found.Add(name);
            else
                throw new InputException($"{name}: expected {string.Join(", ", [.. valued, .. flags])}");
        }

        if (found.Count != operands)
            throw new InputException($"{operands} files are needed, {found.Count} given");
        Operands = found;
    }

    public IReadOnlyList<string> Operands { get; }

    public bool Has(string name) => _values.ContainsKey(name);

    public string? Text(string name) => _values.GetValueOrDefault(name);

    /// <exception cref="InputException">Not a whole number, or outside the bounds.</exception>
    public int Integer(string name, int otherwise, int least, int most)
    {
        if (Text(name) is not { } text)
            return otherwise;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least && value <= most
            ? value : throw new InputException($"{name} {text}: expected a whole number from {least} to {most}");
    }

    /// <exception cref="InputException">Not one of the names.</exception>
    public string Choice(string name, string otherwise, params string[] names)
    {
        string text = Text(name) ?? otherwise;
        return names.Contains(text) ? text : throw new InputException($"{name} {text}: expected {string.Join(", ", names)}");
    }
}
