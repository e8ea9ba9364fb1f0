"""The public files: their addresses, sizes and sha256, pinned.

`unpacked_sha256` is what fetch says it is. Where a mirror holds another packing of a set, its
content was compared with what others published of the public file: the sha1 of the .amat files,
the bytes of text in each part of IMDB (Hugging Face datasets), scikit-learn's pin of 20news.
"""

from latentops.data.fetch import File

_GITHUB = "https://raw.githubusercontent.com/"
_MNIST_ORIGIN = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FASHION_ORIGIN = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_LAROCHELLE = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"
_CLINC = _GITHUB + "clinc/oos-eval/828f8093932c8fe6ca7936c3d2e52903b1c523de/data/"
_SLOT_GATED = _GITHUB + "MiuLab/SlotGated-SLU/61f0307c729b1fad479ef1de94aa5ac5dee601b0/data/snips/"
_NVDM = _GITHUB + "ysmiao/nvdm/19bc3d630bc0bace13555e2515de082771827a76/data/20news/"
_NEURAL_DOCUMENTS = (
    _GITHUB + "YongfeiYan/Neural-Document-Modeling/"
    "763972476f391872eec8de73472cf836f08ee054/data/20news-clean/"
)


MNIST = {
    "train images": File(
        "mnist/train-images-idx3-ubyte.gz",
        _MNIST_ORIGIN + "train-images-idx3-ubyte.gz",
        size=9_912_422,
        sha256="440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        unpacked_sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train labels": File(
        "mnist/train-labels-idx1-ubyte.gz",
        _MNIST_ORIGIN + "train-labels-idx1-ubyte.gz",
        size=28_881,
        sha256="3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        unpacked_sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "test images": File(
        "mnist/t10k-images-idx3-ubyte.gz",
        _MNIST_ORIGIN + "t10k-images-idx3-ubyte.gz",
        size=1_648_877,
        sha256="8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        unpacked_sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "test labels": File(
        "mnist/t10k-labels-idx1-ubyte.gz",
        _MNIST_ORIGIN + "t10k-labels-idx1-ubyte.gz",
        size=4_542,
        sha256="f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        unpacked_sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}

FASHION_MNIST = {
    "train images": File(
        "fashion-mnist/train-images-idx3-ubyte.gz",
        _FASHION_ORIGIN + "train-images-idx3-ubyte.gz",
        size=26_421_880,
        sha256="3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        unpacked_sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train labels": File(
        "fashion-mnist/train-labels-idx1-ubyte.gz",
        _FASHION_ORIGIN + "train-labels-idx1-ubyte.gz",
        size=29_515,
        sha256="a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        unpacked_sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "test images": File(
        "fashion-mnist/t10k-images-idx3-ubyte.gz",
        _FASHION_ORIGIN + "t10k-images-idx3-ubyte.gz",
        size=4_422_102,
        sha256="346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        unpacked_sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "test labels": File(
        "fashion-mnist/t10k-labels-idx1-ubyte.gz",
        _FASHION_ORIGIN + "t10k-labels-idx1-ubyte.gz",
        size=5_148,
        sha256="67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        unpacked_sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}

BINARIZED_MNIST = {
    "train": File(
        "binarized-mnist/binarized_mnist_train.amat",
        _LAROCHELLE + "binarized_mnist_train.amat",
        size=78_400_000,
        sha256="ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
        unpacked_sha256="43490d4d6ac9002727af4426d8748609fdb7e4094fa65ad8d681ea60082a7a5a",
        repacked="binarized-mnist/binarized_mnist_train.mat",
    ),
    "valid": File(
        "binarized-mnist/binarized_mnist_valid.amat",
        _LAROCHELLE + "binarized_mnist_valid.amat",
        size=15_680_000,
        sha256="1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
        unpacked_sha256="069b4f0beb389b776478c3e872b4df71c95ac4be64d7cbe6d32e24ebac8e6d5e",
        repacked="binarized-mnist/binarized_mnist_valid.mat",
    ),
    "test": File(
        "binarized-mnist/binarized_mnist_test.amat",
        _LAROCHELLE + "binarized_mnist_test.amat",
        size=15_680_000,
        sha256="e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
        unpacked_sha256="ca0294c3b8d984c7a1dc891015a8eea6f37bae59a34e35ea0fc8c47110a8dd86",
        repacked="binarized-mnist/binarized_mnist_test.mat",
    ),
}

CLINC150 = {
    "all": File(
        "clinc150/data_full.json",
        _CLINC + "data_full.json",
        size=2_495_390,
        sha256="36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0",
    ),
}

SNIPS = {
    "train text": File(
        "snips/train/seq.in",
        _SLOT_GATED + "train/seq.in",
        size=617_079,
        sha256="04ad1e3f2121d83c6478f9a4b17d2dbdc21d06d6127f73cb7af835ed733f9855",
    ),
    "train label": File(
        "snips/train/label",
        _SLOT_GATED + "train/label",
        size=184_532,
        sha256="bfd7df6cf9dd76c5da5d8b61bc85f90386197bdd3d7510c1d324c051537b962f",
    ),
    "valid text": File(
        "snips/valid/seq.in",
        _SLOT_GATED + "valid/seq.in",
        size=33_629,
        sha256="64e0f6d8ad8aab3a3828164d7d53731a0993d3ca1aed437ceaca6d3d568d410e",
    ),
    "valid label": File(
        "snips/valid/label",
        _SLOT_GATED + "valid/label",
        size=9_900,
        sha256="9c1dd041216f647bcfca838aaf1a48eb5781e4404256d31ff07cd38a5436c52f",
    ),
    "test text": File(
        "snips/test/seq.in",
        _SLOT_GATED + "test/seq.in",
        size=33_121,
        sha256="c1e341173fcea2951a8ca371956a6f81c76de87b9583c62eb87edd6158fa3a7c",
    ),
    "test label": File(
        "snips/test/label",
        _SLOT_GATED + "test/label",
        size=10_120,
        sha256="37a26da3ad079bb41c42c85a3a8f827eb47efec4c5917ce5d08f4b2736e4f830",
    ),
}

NEWSGROUPS = {
    "all": File(
        "20news-bydate/20news-bydate.tar.gz",
        "https://ndownloader.figshare.com/files/5975967",
        size=14_464_277,
        sha256="8f1b2514ca22a5ade8fbb9cfa5727df95fa587f4c87b786e15c759fa66d95610",
        unpacked_sha256="5ca9c6e5732459c285139ec6dfdfd8629180c4c881b988af78534729da8c01a7",
        repacked="20news-bydate/20news-bydate.tar.xz",
    ),
}

IMDB = {
    "all": File(
        "imdb/aclImdb_v1.tar.gz",
        "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
        size=84_125_825,
        sha256="c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
        unpacked_sha256="d064cb816cf39369c81dac83c85f6d773b37f0d492169950e61ecab7246b519b",
        repacked="imdb/aclImdb.tar.xz",
    ),
}

NVDM_20NEWS = {
    "vocabulary": File(
        "nvdm-20news/vocab.new",
        _NVDM + "vocab.new",
        size=21_748,
        sha256="afbe73140a0d39578e6ae33914e049e6587768c088a0501392afda20ca3c85a8",
    ),
    "train": File(
        "nvdm-20news/train.feat",
        _NVDM + "train.feat",
        size=4_335_856,
        sha256="55dfc0cc4e8aac22484ed93a4d785bb171959a00e8ffbca6f13c1c80d8cc4ce5",
    ),
    "test": File(
        "nvdm-20news/test.feat",
        _NVDM + "test.feat",
        size=2_830_914,
        sha256="344eff7e61116d72abd6ebc3d3c1e286c0474b41bf85ab09c8b898e0a5ff80c1",
    ),
}

PRODLDA_20NEWS = {
    "vocabulary": File(
        "prodlda-20news/vocab",
        _NEURAL_DOCUMENTS + "vocab",
        size=22_710,
        sha256="5ad13225bdc576d1d41e73c7d972efc2c0ac5c4b6dd7ecfd72da2e633b0364ac",
    ),
    "train": File(
        "prodlda-20news/train.feat",
        _NEURAL_DOCUMENTS + "train.feat",
        size=3_716_101,
        sha256="d2d2c100098ea735e47eab17fa422439c9f8cd9dca3559d799aeb35a031084f8",
    ),
    "test": File(
        "prodlda-20news/test.feat",
        _NEURAL_DOCUMENTS + "test.feat",
        size=2_418_415,
        sha256="ffdb26173d1d0f33680a4e364c7ddae0958fa0de96c3f25150f07cb49f2090ce",
    ),
}
