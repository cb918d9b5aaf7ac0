namespace FedSpine.Engine.Text;

/// <summary>One tokenization algorithm over one vocabulary. Safe for concurrent use.</summary>
internal interface ITextCodec
{
    /// <summary>Ids of well-formed UTF-16 text, without special tokens.</summary>
    IReadOnlyList<int> Encode(string text);

    /// <summary>Text of ids that are in the vocabulary and not special.</summary>
    string Decode(IReadOnlyList<int> ids);
}
