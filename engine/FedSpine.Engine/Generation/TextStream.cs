using System.Collections;

namespace FedSpine.Engine.Generation;

/// <summary>Pieces of a text that is being generated; <see cref="Result"/> is there when they have all been taken.</summary>
public sealed class TextStream : IEnumerable<string>
{
    private readonly TextGenerator _generator;
    private readonly string _prompt;
    private readonly GenerationOptions _options;
    private readonly CancellationToken _cancel;
    private GeneratedText? _result;

    internal TextStream(TextGenerator generator, string prompt, GenerationOptions options, CancellationToken cancel) =>
        (_generator, _prompt, _options, _cancel) = (generator, prompt, options, cancel);

    /// <exception cref="InvalidOperationException">The text has not come to its end.</exception>
    public GeneratedText Result => _result ?? throw new InvalidOperationException("the text has not come to its end");

    public IEnumerator<string> GetEnumerator() => _generator.Pieces(_prompt, _options, result => _result = result, _cancel).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
