namespace FedSpine.Engine.Text;

/// <summary>Cuts tokenized documents into the equal blocks that language models train on.</summary>
public static class TokenBlocks
{
    /// <summary>Documents one after the other, cut every <paramref name="length"/> tokens; the incomplete last block is dropped.</summary>
    /// <param name="separator">Put between documents (the tokenizer's end token); null: nothing.</param>
    public static List<int[]> Cut(IEnumerable<int[]> documents, int length, int? separator = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        var blocks = new List<int[]>();
        int[] block = new int[length];
        int filled = 0;
        void Append(ReadOnlySpan<int> ids)
        {
            while (ids.Length > 0)
            {
                int taken = Math.Min(ids.Length, length - filled);
                ids[..taken].CopyTo(block.AsSpan(filled));
                ids = ids[taken..];
                filled += taken;
                if (filled < length)
                    continue;
                blocks.Add(block);
                block = new int[length];
                filled = 0;
            }
        }
        bool first = true;
        foreach (int[] document in documents)
        {
            if (!first && separator is int id)
                Append([id]);
            first = false;
            Append(document);
        }
        return blocks;
    }
}
