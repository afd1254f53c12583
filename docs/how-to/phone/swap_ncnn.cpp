// Swaps the face of the test vectors with ncnn and compares each step with Python's.
//   g++ -O2 -std=c++17 swap_ncnn.cpp -I NCNN/include -L NCNN/lib -lncnn -fopenmp -o swap_ncnn
//   ./swap_ncnn me.param vectors        ends with 0 if every step is within its limit
#include <ncnn/net.h>

#include "vectors.hpp"

// All channels of a value, one below the other: 1 x S x S and 3 x S x S as columns of S numbers.
static Image from_planes(const ncnn::Mat& value) {
  Image planes(value.w, value.h * value.c, 1);
  for (int k = 0; k < value.c; ++k)
    for (int y = 0; y < value.h; ++y)
      for (int x = 0; x < value.w; ++x) planes.at(x, k * value.h + y) = value.channel(k).row(y)[x];
  return planes;
}

int main(int count, char** words) {
  if (count != 3) return std::fprintf(stderr, "usage: swap_ncnn FILE.param FOLDER\n"), 2;
  const std::string param = words[1], folder = std::string(words[2]) + "/";
  ncnn::Net net;
  net.opt.num_threads = 2;
  if (net.load_param(param.c_str()) || net.load_model((param.substr(0, param.rfind('.')) + ".bin").c_str()))
    return std::fprintf(stderr, "%s: ncnn cannot load it\n", param.c_str()), 2;

  const Image frame = read_npy(folder + "frame.npy");
  const Matrix matrix = crop_from_frame(read_five(folder + "five.npy"));
  const Image crop = align(frame, matrix);
  ncnn::Mat input(SIDE, SIDE, 3), drawn, mask;
  for (int k = 0; k < 3; ++k)
    for (int y = 0; y < SIDE; ++y)
      for (int x = 0; x < SIDE; ++x) input.channel(k).row(y)[x] = crop.at(x, y, k) / 255;
  ncnn::Extractor extractor = net.create_extractor();
  extractor.input("crop", input);
  if (extractor.extract("face", drawn) || extractor.extract("mask", mask)) return 2;

  const Image planes = from_planes(drawn), weight = refine(from_planes(mask));
  const Image pasted = paste(frame, pixels_of(planes), weight, matrix);

  Image want = read_npy(folder + "face.npy");
  want.w = SIDE, want.h = 3 * SIDE, want.c = 1;
  bool good = within("face", planes, want, 0.01f);  // the crop's own difference comes out again in the face
  good &= within("mask", from_planes(mask), read_npy(folder + "mask.npy"), 0.01f);
  return check_steps(folder, crop, matrix, weight, pasted, 0.01f) && good ? 0 : 1;
}
